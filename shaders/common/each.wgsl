// A kernel over elements: a thread computes each(i) for one i below LENGTH.

override LENGTH: u32;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = workgroup_index(workgroup, workgroups) * 64u + local;
    if i < LENGTH {
        each(i);
    }
}
