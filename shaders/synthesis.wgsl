// signal = scale * A codes, the exact adjoint of correlation:
//     signal[n, y, x, m] = scale * sum over all (c, i, j, ky, kx) with i s + ky - p = y and j s + kx - p = x
//                          of codes[n, i, j, c] * weight[c, ky, kx, m]

@group(0) @binding(4) var<storage, read_write> signal: array<f32>;
@group(0) @binding(5) var<storage, read> scale: array<f32>;

var<private> times: f32;

fn begin_stores() {
    times = scale[0];
}

fn store(row: u32, channel: u32, value: vec4<f32>) {
    let pixel = pixel_of(row);
    let scaled = times * value;
    for (var q = 0u; q < 4u; q++) {
        if pixel != NOWHERE && channel + q < CHANNELS {
            signal[pixel * CHANNELS + channel + q] = scaled[q];
        }
    }
}
