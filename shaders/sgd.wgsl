// Stochastic gradient descent with momentum and weight decay, in place:
//     g = gradient + DECAY * parameter,  velocity = MOMENTUM * velocity + g
//     parameter -= rate * (g + MOMENTUM * velocity) if NESTEROV, else rate * velocity

override LENGTH: u32;
override MOMENTUM: f32;
override DECAY: f32;
override NESTEROV: bool;

@group(0) @binding(0) var<storage, read_write> parameter: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> velocity: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> gradient: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> rate: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = workgroup_index(workgroup, workgroups) * 64u + local;
    if i < LENGTH {
        let g = gradient[i] + DECAY * parameter[i];
        let moved = MOMENTUM * velocity[i] + g;
        velocity[i] = moved;
        parameter[i] -= rate[0] * select(moved, g + MOMENTUM * moved, NESTEROV);
    }
}
