// The patches of a signal under each of its codes, one after the other; zero outside of the signal:
//     out[n, y, x, (ky KERNEL_WIDTH + kx) CHANNELS + m] = signal[n, y s + ky - p, x s + kx - p, m]
// One thread copies one line of a patch. LENGTH is the number of such lines: KERNEL_HEIGHT per code.

@group(0) @binding(0) var<storage, read> signal: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

fn each(i: u32) {
    let code = i / KERNEL_HEIGHT;
    let y = i32(code / CODE_WIDTH % CODE_HEIGHT * STRIDE_Y + i % KERNEL_HEIGHT) - i32(PADDING_Y);
    let x = i32(code % CODE_WIDTH * STRIDE_X) - i32(PADDING_X);
    let line = i32(code / (CODE_WIDTH * CODE_HEIGHT) * HEIGHT) + y;
    let begin = (line * i32(WIDTH) + x) * i32(CHANNELS);
    for (var j = 0u; j < KERNEL_WIDTH * CHANNELS; j++) {
        let inside = u32(y) < HEIGHT && u32(x + i32(j / CHANNELS)) < WIDTH;
        out[i * (KERNEL_WIDTH * CHANNELS) + j] = select(0.0, signal[select(0, begin + i32(j), inside)], inside);
    }
}
