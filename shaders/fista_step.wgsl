// One step of (F)ISTA: codes = prox(point + step * A^T residual), with A^T as in correlation.wgsl and prox as in
// common/prox.wgsl. The first step of a solve starts from zero and has no point.

override HAS_POINT: bool;

@group(0) @binding(4) var<storage, read_write> codes: array<f32>;
@group(0) @binding(5) var<storage, read> point: array<f32>;
@group(0) @binding(6) var<storage, read> step: array<f32>;
@group(0) @binding(7) var<storage, read> lambda: array<f32>;

var<private> t: f32;

fn begin_stores() {
    t = step[0];
}

fn store(row: u32, atom: u32, value: vec4<f32>) {
    let amount = lambda[min(row, ROWS - 1u) / (CODE_HEIGHT * CODE_WIDTH)];
    for (var q = 0u; q < 4u; q++) {
        if row < ROWS && atom + q < ATOMS {
            let i = row * ATOMS + atom + q;
            var moved = t * value[q];
            if HAS_POINT {
                moved += point[i];
            }
            codes[i] = prox(moved, t, amount);
        }
    }
}
