// codes = scale * A^T signal:
//     codes[n, y, x, c] = scale * sum_{ky, kx, m} signal[n, y s + ky - p, x s + kx - p, m] * weight[c, ky, kx, m]

@group(0) @binding(4) var<storage, read_write> codes: array<f32>;
@group(0) @binding(5) var<storage, read> scale: array<f32>;

var<private> times: f32;

fn begin_stores() {
    times = scale[0];
}

fn store(row: u32, atom: u32, value: vec4<f32>) {
    let scaled = times * value;
    for (var q = 0u; q < 4u; q++) {
        if row < ROWS && atom + q < ATOMS {
            codes[row * ATOMS + atom + q] = scaled[q];
        }
    }
}
