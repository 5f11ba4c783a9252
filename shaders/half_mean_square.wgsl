// out = (variance + mean^2) / 2: half the mean square of values with this mean and biased variance.

@group(0) @binding(0) var<storage, read> mean: array<f32>;
@group(0) @binding(1) var<storage, read> variance: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

fn each(i: u32) {
    out[i] = 0.5 * (variance[i] + mean[i] * mean[i]);
}
