// The adjoint of unfold: every pixel of the signal sums its values in all patches that contain it,
//     sum[n, y, x, m] = sum over taps and codes with i s + ky - p = y, j s + kx - p = x
//                       of patches[n, i, j, (ky KERNEL_WIDTH + kx) CHANNELS + m]
// and out = factor * other[0] * sum, or other - sum if RESIDUAL. LENGTH is the number of values in out.

override RESIDUAL: bool;

struct Numbers {
    factor: f32,
}

@group(0) @binding(0) var<storage, read> patches: array<f32>;
@group(0) @binding(1) var<storage, read> other: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(1) @binding(0) var<uniform> numbers: Numbers;

fn each(i: u32) {
    let pixel = i / CHANNELS;
    let x = pixel % WIDTH + PADDING_X;
    let y = pixel / WIDTH % HEIGHT + PADDING_Y;
    let image = pixel / (WIDTH * HEIGHT);
    var sum = 0.0;
    for (var ky = y % STRIDE_Y; ky < KERNEL_HEIGHT; ky += STRIDE_Y) {
        for (var kx = x % STRIDE_X; kx < KERNEL_WIDTH; kx += STRIDE_X) {
            let row = (y - ky) / STRIDE_Y;
            let column = (x - kx) / STRIDE_X;
            if y >= ky && x >= kx && row < CODE_HEIGHT && column < CODE_WIDTH {
                let code = (image * CODE_HEIGHT + row) * CODE_WIDTH + column;
                sum += patches[(code * TAPS + ky * KERNEL_WIDTH + kx) * CHANNELS + i % CHANNELS];
            }
        }
    }
    if RESIDUAL {
        out[i] = other[i] - sum;
    } else {
        out[i] = numbers.factor * other[0] * sum;
    }
}
