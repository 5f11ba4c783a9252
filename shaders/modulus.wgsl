// out[p, c] = sqrt(re^2 + im^2) of input[p, c] and input[p, CHANNELS + c]: the moduli of complex values whose real parts are the
// first CHANNELS channels of a map. The larger part is taken out of the root, so that no square overflows or vanishes.

override CHANNELS: u32;

@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

fn each(i: u32) {
    let at = i + i / CHANNELS * CHANNELS;
    let parts = abs(vec2(input[at], input[at + CHANNELS]));
    let larger = max(parts.x, parts.y);
    let ratio = min(parts.x, parts.y) / select(1.0, larger, larger > 0.0);
    out[i] = larger * sqrt(1.0 + ratio * ratio);
}
