// Sound with LENGTH and PARTS from 1 and LENGTH up to 4096; other constants are faults.
override LENGTH: u32;
override PARTS: u32;
override PART: u32 = LENGTH / PARTS;
override FACTOR: f32 = 1.0;

@group(0) @binding(0) var<storage, read_write> data: array<f32>;

var<workgroup> shared_data: array<f32, LENGTH>;

@compute @workgroup_size(1)
fn main(@builtin(local_invocation_index) local: u32) {
    shared_data[local] = data[local];
    workgroupBarrier();
    data[local] = FACTOR * shared_data[local / PART];
}
