//! `sdnet bench --profile`: the time of each kernel by timestamps of the device, and how close it comes to the limits.

use serde::Serialize;

use super::args::Mode;
use super::cases::Work;
use super::ceilings::Ceilings;
use super::figures::Figures;
use crate::cli::console::{note, to_json};
use crate::error::Result;
use crate::gpu::{Gpu, KernelTime};

/// One line of `--profile --json`: a kernel with one set of constants in one step; `all` is the whole step.
#[derive(Debug, Serialize)]
struct Line<'a> {
    case: &'a str,
    mode: Mode,
    kernel: &'a str,
    /// The sizes in words for a convolution kernel, the constants for any other.
    shape: String,
    calls: usize,
    time_s: f64,
    share_percent: f64,
    /// For convolution kernels; counts two operations for each multiply-add, those on the border included.
    gflops: Option<f64>,
    multiply_add_percent: Option<f64>,
    /// Counts each bound buffer once per dispatch, as if nothing were read twice.
    gb_per_s: f64,
    copy_percent: f64,
}

/// The kernels of one step, and the number of its operations.
struct Step {
    times: Vec<KernelTime>,
    operations: f64,
}

impl Step {
    fn seconds(&self) -> f64 {
        self.times.iter().map(|t| t.seconds).sum()
    }
}

/// Prints calls, time, share and speed of every kernel and shape in the step of median time.
pub(super) fn run(gpu: &Gpu, work: &mut Work, of: &Figures, ceilings: &Ceilings, json: bool) -> Result<()> {
    if !ceilings.timestamps {
        note(format_args!("{} has no timestamps inside of passes: times of kernels are not known", of.adapter));
        return Ok(());
    }
    let step = median_step(gpu, work, of.steps)?;
    if !json {
        say!("  {:34} calls         ms  share  GFLOP/s   of max    GB/s   of max", "kernel")?;
    }
    for line in lines(&step, of, ceilings) {
        if json {
            say!("{}", to_json(&line)?)?;
        } else {
            print(&line)?;
        }
    }
    Ok(())
}

fn median_step(gpu: &Gpu, work: &mut Work, steps: usize) -> Result<Step> {
    let mut one = || {
        let before = gpu.multiply_adds();
        let ((), times) = gpu.profile(|| work.step())?;
        Ok(Step { times, operations: 2.0 * (gpu.multiply_adds() - before) as f64 })
    };
    let mut all = (0..steps).map(|_| one()).collect::<Result<Vec<_>>>()?;
    all.sort_by(|a, b| a.seconds().total_cmp(&b.seconds()));
    Ok(all.swap_remove(steps / 2))
}

fn lines<'a>(step: &'a Step, of: &'a Figures, ceilings: &Ceilings) -> Vec<Line<'a>> {
    let total = step.seconds();
    let line = |subject: Subject<'a>| {
        let Subject { kernel, shape, operations, calls, seconds, bytes } = subject;
        let gflops = operations.map(|operations| 1e-9 * operations / seconds);
        let gb_per_s = 1e-9 * bytes as f64 / seconds;
        Line {
            case: of.case,
            mode: of.mode,
            kernel,
            shape,
            calls,
            time_s: seconds,
            share_percent: 100.0 * seconds / total,
            gflops,
            multiply_add_percent: gflops.map(|speed| 100.0 * speed / ceilings.multiply_add_gflops),
            gb_per_s,
            copy_percent: 100.0 * gb_per_s / ceilings.copy_gb_per_s,
        }
    };
    step.times.iter().map(Subject::kernel).chain([Subject::all(step)]).map(line).collect()
}

/// What a line is about, and what was counted for it.
struct Subject<'a> {
    kernel: &'a str,
    shape: String,
    operations: Option<f64>,
    calls: usize,
    seconds: f64,
    bytes: u64,
}

impl<'a> Subject<'a> {
    /// One kernel at one shape.
    fn kernel(time: &'a KernelTime) -> Self {
        let (shape, operations) = product(time).map_or((constants(time), None), |p| (p.shape, Some(p.operations)));
        Self { kernel: time.kernel, shape, operations, calls: time.calls, seconds: time.seconds, bytes: time.bytes }
    }

    /// The whole step.
    fn all(step: &Step) -> Self {
        Self {
            kernel: "all",
            shape: String::new(),
            operations: Some(step.operations),
            calls: step.times.iter().map(|t| t.calls).sum(),
            seconds: step.seconds(),
            bytes: step.times.iter().map(|t| t.bytes).sum(),
        }
    }
}

fn print(line: &Line) -> Result<()> {
    let computed = match (line.gflops, line.multiply_add_percent) {
        (Some(speed), Some(percent)) => format!("{speed:8.1} {percent:6.1} %"),
        _ => " ".repeat(17),
    };
    say!(
        "  {:34} {:5} {:10.3} {:4.1} % {computed} {:7.2} {:6.1} %  {}",
        line.kernel,
        line.calls,
        1e3 * line.time_s,
        line.share_percent,
        line.gb_per_s,
        line.copy_percent,
        line.shape,
    )
}

/// The matrix products of a convolution kernel.
struct Product {
    /// Its sizes in words.
    shape: String,
    /// The operations of all its calls.
    operations: f64,
}

/// Nothing for kernels that are no matrix product.
fn product(time: &KernelTime) -> Option<Product> {
    let get = |name: &str| time.constants.iter().find(|c| c.0 == name).map(|c| c.1);
    get("GROUPS")?; // only the matrix products of convolutions have this constant
    let (n, m, c) = (get("N")?, get("CHANNELS")?, get("ATOMS")?);
    let (kernel, stride) = ((get("KERNEL_HEIGHT")?, get("KERNEL_WIDTH")?), (get("STRIDE_Y")?, get("STRIDE_X")?));
    let (h, w) = (get("CODE_HEIGHT")?, get("CODE_WIDTH")?);
    let operations = 2.0 * n * m * c * kernel.0 * kernel.1 * h * w * time.calls as f64;
    let pair = |(y, x): (f64, f64)| if y == x { format!("{y}") } else { format!("{y}x{x}") };
    let shape = format!("{n} x {h}x{w}, {m} channels, {c} atoms, k{} s{}", pair(kernel), pair(stride));
    Some(Product { shape, operations })
}

fn constants(time: &KernelTime) -> String {
    time.constants.iter().map(|(name, value)| format!("{} {value}", name.to_lowercase())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(kernel: &'static str, constants: &[(&'static str, f64)], seconds: f64, bytes: u64) -> KernelTime {
        KernelTime { kernel, constants: constants.to_vec(), calls: 2, seconds, bytes }
    }

    #[test]
    fn speeds_and_shares_follow_from_times_bytes_and_sizes() {
        let sizes =
            [("GROUPS", 1.), ("N", 2.), ("CHANNELS", 4.), ("ATOMS", 8.), ("KERNEL_HEIGHT", 3.), ("KERNEL_WIDTH", 3.)];
        let steps = [("STRIDE_Y", 2.), ("STRIDE_X", 2.), ("CODE_HEIGHT", 5.), ("CODE_WIDTH", 6.)];
        let sizes = [&sizes[..], &steps].concat();
        let times = vec![time("correlation_tiled", &sizes, 3e-6, 6000), time("add", &[("LENGTH", 9.)], 1e-6, 500)];
        let of = Figures {
            case: "a",
            mode: Mode::Forward,
            batch: 2,
            steps: 1,
            median_s: 1.0,
            min_s: 1.0,
            gflops: 1.0,
            images_per_s: 1.0,
            peak_device_mib: 1.0,
            first_s: 1.0,
            adapter: "none",
        };
        let ceilings =
            Ceilings { adapter: "none".into(), multiply_add_gflops: 100.0, copy_gb_per_s: 4.0, timestamps: true };
        let operations = 2.0 * 2.0 * (2 * 4 * 8 * 9 * 30) as f64;
        let step = Step { times, operations };
        let lines = lines(&step, &of, &ceilings);
        let near = |a: Option<f64>, b: f64| a.is_some_and(|a| (a - b).abs() < 1e-9 * b);
        let [product, add, all] = &lines[..] else { panic!("{lines:?}") };
        let shape = "2 x 5x6, 4 channels, 8 atoms, k3 s2";
        assert_eq!((product.kernel, &product.shape[..]), ("correlation_tiled", shape));
        assert!(near(product.gflops, 69_120.0 / 3e3) && near(product.multiply_add_percent, 69_120.0 / 3e3));
        assert!(near(Some(product.gb_per_s), 2.0) && near(Some(product.copy_percent), 50.0));
        assert!(near(Some(product.share_percent), 75.0));
        assert_eq!((add.kernel, &add.shape[..], add.gflops, add.multiply_add_percent), ("add", "length 9", None, None));
        assert_eq!((all.kernel, all.calls), ("all", 4));
        assert!(near(Some(all.time_s), 4e-6) && near(all.gflops, 69_120.0 / 4e3));
        assert!(near(Some(all.gb_per_s), 6500.0 / 4e3));
    }
}
