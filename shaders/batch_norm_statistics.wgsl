// Mean and sum of squared deviations of CHUNKS parts of the pixels, by channel:
//     part_mean[chunk, c], part_square[chunk, c] over pixels chunk * PIXELS_A_CHUNK .. of x[PIXELS, CHANNELS]
// The sums are taken of the distances from the chunk's first value, which keeps them free of cancellation.
// LENGTH is CHUNKS * CHANNELS.

override LENGTH: u32;
override CHANNELS: u32;
override PIXELS: u32;
override PIXELS_A_CHUNK: u32;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> part_mean: array<f32>;
@group(0) @binding(2) var<storage, read_write> part_square: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = workgroup_index(workgroup, workgroups) * 64u + local;
    if i < LENGTH {
        let c = i % CHANNELS;
        let first = i / CHANNELS * PIXELS_A_CHUNK;
        let count = min(PIXELS_A_CHUNK, PIXELS - first);
        let shift = x[first * CHANNELS + c];
        var sum = 0.0;
        var square = 0.0;
        for (var p = 1u; p < count; p++) {
            let value = x[(first + p) * CHANNELS + c] - shift;
            sum += value;
            square += value * value;
        }
        part_mean[i] = shift + sum / f32(count);
        part_square[i] = square - sum * sum / f32(count);
    }
}
