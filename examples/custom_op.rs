//! An op of one's own with its gradient: the smooth magnitude `sqrt(x^2 + epsilon^2)`, in WGSL, from the public API alone.
//! Applied twice, its gradient is held against finite differences.
//!
//!     cargo run --release --no-default-features --example custom_op

use sdnet::gpu::{Gpu, GpuOptions, Kernel};
use sdnet::shaders::EACH;
use sdnet::tape::{Tape, Var};
use sdnet::tensor::{Call, Tensor};

const WGSL: &str = "
struct Numbers { epsilon: f32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> numbers: Numbers;
fn each(i: u32) { y[i] = sqrt(x[i] * x[i] + numbers.epsilon * numbers.epsilon); }";
static KERNEL: Kernel = Kernel::new("smooth_magnitude", &[EACH, WGSL]);

const GRADIENT_WGSL: &str = "
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;
fn each(i: u32) { out[i] = gradient[i] * x[i] / y[i]; }";
static GRADIENT: Kernel = Kernel::new("smooth_magnitude_gradient", &[EACH, GRADIENT_WGSL]);

fn smooth_magnitude(tape: &Tape, input: &Var, epsilon: f32) -> sdnet::Result<Var> {
    let x = input.value().clone();
    let y = Tensor::uninitialized(x.gpu(), "smooth_magnitude", x.shape())?;
    Call::on(&[&x, &y]).numbers(&[epsilon]).each(&KERNEL, x.len())?;
    tape.record(y.clone(), &[input], move |gradient| {
        let out = Tensor::uninitialized(x.gpu(), "smooth_magnitude_gradient", x.shape())?;
        Call::on(&[&x, &y, gradient, &out]).each(&GRADIENT, x.len())?;
        Ok(vec![Some(out)])
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (gpu, tape) = (Gpu::open(&GpuOptions::default())?, Tape::new());
    let values = [-2.0_f32, -0.5, -0.1, 0.0, 0.3, 1.5];
    let twice = |tape: &Tape, x: &Var| smooth_magnitude(tape, &smooth_magnitude(tape, x, 0.5)?, 0.25);
    let x = tape.leaf(&Tensor::from_slice(&gpu, &[6], &values)?);
    let y = twice(&tape, &x)?;
    let gradient = tape.backward(&y)?.of("x", &x)?.to_vec()?;
    let at = |step: f32| {
        let (moved, tape) = (Tensor::from_slice(&gpu, &[6], &values.map(|v| v + step))?, Tape::idle());
        twice(&tape, &tape.constant(&moved))?.value().to_vec()
    };
    for (((x, got), above), below) in values.iter().zip(gradient).zip(at(0.01)?).zip(at(-0.01)?) {
        let difference = (above - below) / 0.02;
        println!("at {x:4.1} the gradient is {got:8.5}, by differences {difference:8.5}");
        if (got - difference).abs() > 1e-3 || !got.is_finite() {
            return Err("they differ".into());
        }
    }
    Ok(())
}
