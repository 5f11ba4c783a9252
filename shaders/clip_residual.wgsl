// A signal whose distance from its scaled reconstruction is clipped:
//     out = kept + clamp(x - kept, -LIMIT, LIMIT),  kept = scale (x - residual)
// LENGTH is samples * SAMPLE.

override LENGTH: u32;
override SAMPLE: u32;
override LIMIT: f32;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> residual: array<f32>;
@group(0) @binding(2) var<storage, read> scale: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = workgroup_index(workgroup, workgroups) * 64u + local;
    if i < LENGTH {
        let kept = scale[i / SAMPLE] * (x[i] - residual[i]);
        out[i] = clamp(x[i], kept - LIMIT, kept + LIMIT);
    }
}
