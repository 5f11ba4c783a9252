// The gradient of clip_residual with the scale held constant: that of the signal within the limit, that of the
// reconstruction beyond it.
// LENGTH is samples * SAMPLE.

override SAMPLE: u32;

struct Numbers {
    limit: f32,
}

@group(1) @binding(0) var<uniform> numbers: Numbers;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> residual: array<f32>;
@group(0) @binding(2) var<storage, read> scale: array<f32>;
@group(0) @binding(3) var<storage, read> gradient: array<f32>;
@group(0) @binding(4) var<storage, read_write> x_gradient: array<f32>;
@group(0) @binding(5) var<storage, read_write> residual_gradient: array<f32>;

fn each(i: u32) {
    let factor = scale[i / SAMPLE];
    let kept = factor * (x[i] - residual[i]);
    let within = x[i] >= kept - numbers.limit && x[i] <= kept + numbers.limit;
    x_gradient[i] = gradient[i] * select(factor, 1.0, within);
    residual_gradient[i] = gradient[i] * select(-factor, 0.0, within);
}
