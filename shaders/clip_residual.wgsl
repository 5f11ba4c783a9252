// A signal whose distance from its scaled reconstruction is clipped:
//     out = kept + clamp(x - kept, -limit, limit),  kept = scale (x - residual)
// LENGTH is samples * SAMPLE.

override SAMPLE: u32;

struct Numbers {
    limit: f32,
}

@group(1) @binding(0) var<uniform> numbers: Numbers;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> residual: array<f32>;
@group(0) @binding(2) var<storage, read> scale: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

fn each(i: u32) {
    let kept = scale[i / SAMPLE] * (x[i] - residual[i]);
    out[i] = clamp(x[i], kept - numbers.limit, kept + numbers.limit);
}
