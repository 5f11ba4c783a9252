// Normalises every atom, in place: weight[c] /= max(|weight[c]|_2, 1e-12). One workgroup per atom (SIZE values).

override SIZE: u32;

@group(0) @binding(0) var<storage, read_write> weight: array<f32>;

fn each_group(atom: u32, local: u32) {
    var square = 0.0;
    for (var i = local; i < SIZE; i += 64u) {
        let value = weight[atom * SIZE + i];
        square += value * value;
    }
    let norm = max(sqrt(total(local, square)), 1e-12);
    for (var i = local; i < SIZE; i += 64u) {
        weight[atom * SIZE + i] /= norm;
    }
}
