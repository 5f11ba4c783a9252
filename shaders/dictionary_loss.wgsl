// From sums over each sample, in one workgroup:
//     loss = factor * sum over samples of (residuals[n] / dictionaries + lambda[n] magnitudes[n] + mu / 2 squares[n])
// with residuals = |x - A z|^2, magnitudes = |z|_1, squares = |z|^2.

override SAMPLES: u32;

struct Numbers {
    factor: f32,
    dictionaries: f32,
    mu: f32,
}

@group(1) @binding(0) var<uniform> numbers: Numbers;
@group(0) @binding(0) var<storage, read> residuals: array<f32>;
@group(0) @binding(1) var<storage, read> magnitudes: array<f32>;
@group(0) @binding(2) var<storage, read> squares: array<f32>;
@group(0) @binding(3) var<storage, read> lambda: array<f32>;
@group(0) @binding(4) var<storage, read_write> loss: array<f32>;

fn each_group(group: u32, local: u32) {
    var sum = 0.0;
    for (var n = local; n < SAMPLES; n += 64u) {
        sum += residuals[n] / numbers.dictionaries + lambda[n] * magnitudes[n] + 0.5 * numbers.mu * squares[n];
    }
    let all = total(local, sum);
    if local == 0u {
        loss[group] = numbers.factor * all;
    }
}
