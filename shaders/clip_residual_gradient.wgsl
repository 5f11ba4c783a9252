// The gradient of clip_residual, the scale held constant: the signal's own within the limit, the reconstruction's beyond it.
// LENGTH is samples * SAMPLE.

override LENGTH: u32;
override SAMPLE: u32;
override LIMIT: f32;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> residual: array<f32>;
@group(0) @binding(2) var<storage, read> scale: array<f32>;
@group(0) @binding(3) var<storage, read> gradient: array<f32>;
@group(0) @binding(4) var<storage, read_write> x_gradient: array<f32>;
@group(0) @binding(5) var<storage, read_write> residual_gradient: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = workgroup_index(workgroup, workgroups) * 64u + local;
    if i < LENGTH {
        let factor = scale[i / SAMPLE];
        let kept = factor * (x[i] - residual[i]);
        let within = x[i] >= kept - LIMIT && x[i] <= kept + LIMIT;
        x_gradient[i] = gradient[i] * select(factor, 1.0, within);
        residual_gradient[i] = gradient[i] * select(-factor, 0.0, within);
    }
}
