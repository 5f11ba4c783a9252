// out[p, c] = gradient re / |z| and out[p, CHANNELS + c] = gradient im / |z|, with |z| = modulus[p, c]; 0 where |z| is 0.
// LENGTH is the number of moduli.

override CHANNELS: u32;

@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read> modulus: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

fn each(i: u32) {
    let at = i + i / CHANNELS * CHANNELS;
    let size = modulus[i];
    let divisor = select(1.0, size, size > 0.0);
    out[at] = gradient[i] * (input[at] / divisor);
    out[at + CHANNELS] = gradient[i] * (input[at + CHANNELS] / divisor);
}
