// The adjoint of blur: every value sums what it gave to the windows that it lies in,
//     out[n, y, x, c] = sum over the windows (wy, wx) that it is a place of, of tap tap blurred[n, (y - wy) / s, (x - wx) / s, c]

@group(0) @binding(0) var<storage, read> blurred: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

fn each(i: u32) {
    let c = i % CHANNELS;
    let x = i / CHANNELS % WIDTH;
    let y = i / (CHANNELS * WIDTH) % HEIGHT;
    let n = i / (CHANNELS * WIDTH * HEIGHT);
    var sum = 0.0;
    for (var wy = 0u; wy <= min(y, WINDOW - 1u); wy++) {
        for (var wx = 0u; wx <= min(x, WINDOW - 1u); wx++) {
            let row = (y - wy) / STRIDE;
            let column = (x - wx) / STRIDE;
            let starts = (y - wy) % STRIDE == 0u && (x - wx) % STRIDE == 0u;
            if starts && row < BLURRED_HEIGHT && column < BLURRED_WIDTH {
                sum += tap(wy) * tap(wx) * blurred[((n * BLURRED_HEIGHT + row) * BLURRED_WIDTH + column) * CHANNELS + c];
            }
        }
    }
    out[i] = sum;
}
