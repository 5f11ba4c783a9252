// A subgroup operation without "enable subgroups;".
@group(0) @binding(0) var<storage, read_write> data: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) local: u32) {
    data[local] = subgroupBroadcast(data[local], 0u);
}
