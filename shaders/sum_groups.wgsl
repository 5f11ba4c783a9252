// out[i] = sum over g of part[g, i], in the order of g

override LENGTH: u32;
override GROUPS: u32;

@group(0) @binding(0) var<storage, read> part: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = workgroup_index(workgroup, workgroups) * 64u + local;
    if i < LENGTH {
        var sum = 0.0;
        for (var g = 0u; g < GROUPS; g++) {
            sum += part[g * LENGTH + i];
        }
        out[i] = sum;
    }
}
