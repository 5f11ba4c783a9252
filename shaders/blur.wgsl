// out[n, y, x, c] = sum over the window of tap(wy) tap(wx) input[n, y s + wy, x s + wx, c]

@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

fn each(i: u32) {
    let c = i % CHANNELS;
    let x = i / CHANNELS % BLURRED_WIDTH;
    let y = i / (CHANNELS * BLURRED_WIDTH) % BLURRED_HEIGHT;
    let n = i / (CHANNELS * BLURRED_WIDTH * BLURRED_HEIGHT);
    var sum = 0.0;
    for (var wy = 0u; wy < WINDOW; wy++) {
        for (var wx = 0u; wx < WINDOW; wx++) {
            let at = ((n * HEIGHT + y * STRIDE + wy) * WIDTH + x * STRIDE + wx) * CHANNELS + c;
            sum += tap(wy) * tap(wx) * input[at];
        }
    }
    out[i] = sum;
}
