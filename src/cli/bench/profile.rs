//! `sdnet bench --profile`: what each kernel costs on the device, by timestamps.

use super::cases::Work;
use crate::error::Result;
use crate::gpu::{Gpu, KernelTime};

/// Prints calls, time, share and, for the convolution family, speed of every kernel and shape.
pub(super) fn run(gpu: &Gpu, work: &mut Work) -> Result<()> {
    let ((), times) = gpu.profile(|| work.step())?;
    if times.is_empty() {
        println!("  {} has no timestamps inside of passes", gpu.adapter().name);
    }
    let total = times.iter().map(|t| t.seconds).sum::<f64>();
    for time in &times {
        let (seconds, share) = (time.seconds, 100.0 * time.seconds / total);
        print!("  {:30} {:4} calls {:9.3} ms {share:5.1} %", time.kernel, time.calls, 1e3 * seconds);
        match shape(time) {
            Some((text, flop)) => println!("  {:6.1} GFLOP/s  {text}", 1e-9 * flop / seconds),
            None => println!(),
        }
    }
    println!("  {:30} {:4} calls {:9.3} ms", "all", times.iter().map(|t| t.calls).sum::<usize>(), 1e3 * total);
    Ok(())
}

/// The sizes of a convolution kernel, in words, and the operations of all its calls.
fn shape(time: &KernelTime) -> Option<(String, f64)> {
    let get = |name: &str| time.constants.iter().find(|c| c.0 == name).map(|c| c.1);
    get("GROUPS")?; // only matrix products are divided into groups of tiles
    let (n, m, c) = (get("N")?, get("CHANNELS")?, get("ATOMS")?);
    let (k, s, h, w) = (get("KERNEL")?, get("STRIDE")?, get("CODE_HEIGHT")?, get("CODE_WIDTH")?);
    let flop = 2.0 * n * m * c * k * k * h * w * time.calls as f64;
    Some((format!("{n} x {h}x{w}, {m} channels, {c} atoms, k{k} s{s}"), flop))
}
