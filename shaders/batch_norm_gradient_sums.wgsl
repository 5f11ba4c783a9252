// The two sums over pixels that the gradient of batch norm needs, in CHUNKS parts that sum_groups adds up:
//     part_weight[chunk, c] = sum gradient * (x - mean) / sqrt(variance + EPSILON),  part_bias[chunk, c] = sum gradient
// LENGTH is CHUNKS * CHANNELS.

override LENGTH: u32;
override EPSILON: f32;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mean: array<f32>;
@group(0) @binding(2) var<storage, read> variance: array<f32>;
@group(0) @binding(3) var<storage, read> gradient: array<f32>;
@group(0) @binding(4) var<storage, read_write> part_weight: array<f32>;
@group(0) @binding(5) var<storage, read_write> part_bias: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = workgroup_index(workgroup, workgroups) * 64u + local;
    if i < LENGTH {
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
        part_weight[i] = along / sqrt(variance[pixels.statistics + c] + EPSILON);
        part_bias[i] = plain;
    }
}
