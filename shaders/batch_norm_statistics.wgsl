// Mean and sum of squared deviations for CHUNKS parts of the pixels, by channel:
//     part_mean[chunk, c], part_square[chunk, c] over pixels chunk * PIXELS_A_CHUNK .. of x[PIXELS, CHANNELS]
// Values are taken relative to the chunk's first one, which avoids cancellation.
// LENGTH is CHUNKS * CHANNELS.

override CHANNELS: u32;
override PIXELS: u32;
override PIXELS_A_CHUNK: u32;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> part_mean: array<f32>;
@group(0) @binding(2) var<storage, read_write> part_square: array<f32>;

fn each(i: u32) {
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
