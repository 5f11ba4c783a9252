// out[n, pixel, c] = gradient[n, c] / PIXELS

override LENGTH: u32;
override PIXELS: u32;
override CHANNELS: u32;

@group(0) @binding(0) var<storage, read> gradient: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = workgroup_index(workgroup, workgroups) * 64u + local;
    if i < LENGTH {
        out[i] = gradient[i / (PIXELS * CHANNELS) * CHANNELS + i % CHANNELS] / f32(PIXELS);
    }
}
