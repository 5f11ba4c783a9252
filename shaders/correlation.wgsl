// codes = factor * A^T signal:
//     codes[n, y, x, c] = factor * sum_{ky, kx, m} signal[n, y s + ky - p, x s + kx - p, m] * weight[c, ky, kx, m]
// with strides s and paddings p of their own in either direction, and the factor of common/factor.wgsl.

@group(0) @binding(4) var<storage, read_write> codes: array<f32>;

fn store(row: u32, atom: u32, value: vec4<f32>) {
    let scaled = times * value;
    for (var q = 0u; q < 4u; q++) {
        if row < ROWS && atom + q < ATOMS {
            codes[row * ATOMS + atom + q] = scaled[q];
        }
    }
}
