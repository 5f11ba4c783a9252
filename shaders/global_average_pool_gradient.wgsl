// out[n, pixel, c] = gradient[n, c] / PIXELS

override PIXELS: u32;
override CHANNELS: u32;

@group(0) @binding(0) var<storage, read> gradient: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

fn each(i: u32) {
    out[i] = gradient[i / (PIXELS * CHANNELS) * CHANNELS + i % CHANNELS] / f32(PIXELS);
}
