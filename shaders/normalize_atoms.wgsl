// Every atom to unit l2 norm, in place: weight[c] /= max(|weight[c]|_2, 1e-12). A workgroup an atom, SIZE values each.

override ATOMS: u32;
override SIZE: u32;

@group(0) @binding(0) var<storage, read_write> weight: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let atom = workgroup_index(workgroup, workgroups);
    if atom >= ATOMS {
        return;
    }
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
