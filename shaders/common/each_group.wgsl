// A kernel over groups: a workgroup of 64 threads computes each_group(group, local) for one group below LENGTH.

override LENGTH: u32;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let group = workgroup_index(workgroup, workgroups);
    if group < LENGTH {
        each_group(group, local);
    }
}
