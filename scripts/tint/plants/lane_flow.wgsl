// A subgroup operation in control flow that differs between the threads of a workgroup.
enable subgroups;

@group(0) @binding(0) var<storage, read_write> data: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) local: u32) {
    if data[local] > 0.0 {
        data[local] = subgroupBroadcast(data[local], 0u);
    }
}
