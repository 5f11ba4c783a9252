// Workgroups beyond the limit of one dimension are folded into the second one.
fn workgroup_index(workgroup: vec3<u32>, count: vec3<u32>) -> u32 {
    return workgroup.y * count.x + workgroup.x;
}
