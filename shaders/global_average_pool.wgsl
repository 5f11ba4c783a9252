// out[n, c] = mean over pixels of x[n, pixel, c]

override PIXELS: u32;
override CHANNELS: u32;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

fn each(i: u32) {
    let first = i / CHANNELS * PIXELS * CHANNELS + i % CHANNELS;
    var sum = 0.0;
    for (var p = 0u; p < PIXELS; p++) {
        sum += x[first + p * CHANNELS];
    }
    out[i] = sum / f32(PIXELS);
}
