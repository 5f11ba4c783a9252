// The same in every thread, but no implementation may believe so: private variables never count as uniform.
@group(0) @binding(0) var<storage, read_write> data: array<f32>;

var<private> count: u32;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    count = workgroup.x;
    for (var i = 0u; i < count; i++) {
        workgroupBarrier();
    }
    data[local] = 1.0;
}
