// signal = factor * A codes, the exact adjoint of correlation:
//     signal[n, y, x, m] = factor * sum over all (c, i, j, ky, kx) with i s + ky - p = y and j s + kx - p = x
//                          of codes[n, i, j, c] * weight[c, ky, kx, m]
// with strides s and paddings p of their own in either direction, and the factor of common/factor.wgsl.

@group(0) @binding(4) var<storage, read_write> signal: array<f32>;

fn store(row: u32, channel: u32, value: vec4<f32>) {
    let pixel = pixel_of(row);
    let scaled = times * value;
    for (var q = 0u; q < 4u; q++) {
        if pixel != NOWHERE && channel + q < CHANNELS {
            signal[pixel * CHANNELS + channel + q] = scaled[q];
        }
    }
}
