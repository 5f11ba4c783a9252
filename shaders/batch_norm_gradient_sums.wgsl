// The two sums over pixels that the gradient of batch norm needs, in CHUNKS parts, which sum_groups adds up:
//     part_weight[chunk, c] = sum gradient * (x - mean) / sqrt(variance + epsilon),  part_bias[chunk, c] = sum gradient
// LENGTH is CHUNKS * CHANNELS.


@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mean: array<f32>;
@group(0) @binding(2) var<storage, read> variance: array<f32>;
@group(0) @binding(3) var<storage, read> gradient: array<f32>;
@group(0) @binding(4) var<storage, read_write> part_weight: array<f32>;
@group(0) @binding(5) var<storage, read_write> part_bias: array<f32>;

fn each(i: u32) {
    let c = i % CHANNELS;
    let pixels = chunk(i / CHANNELS);
    let center = mean[pixels.statistics + c];
    var along = 0.0;
    var plain = 0.0;
    for (var p = pixels.first; p < pixels.last; p++) {
        let at = p * CHANNELS + c;
        let g = gradient[at];
        along += g * (x[at] - center);
        plain += g;
    }
    part_weight[i] = along / sqrt(variance[pixels.statistics + c] + numbers.epsilon);
    part_bias[i] = plain;
}
