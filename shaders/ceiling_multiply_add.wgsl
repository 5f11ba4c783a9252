// out = the sum of three chains of 16 ROUNDS fused multiply-adds, which start at start, start + 1 and start - 1:
// twelve independent chains a thread and next to no memory traffic. How fast it runs is what the adapter can do.

override LENGTH: u32;
override ROUNDS: u32;

@group(0) @binding(0) var<storage, read> start: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> out: array<vec4<f32>>;

fn link(v: vec4<f32>) -> vec4<f32> {
    return fma(v, vec4(0.96875), vec4(0.03125));
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = workgroup_index(workgroup, workgroups) * 64u + local;
    if i >= LENGTH {
        return;
    }
    var a = start[i];
    var b = a + 1.0;
    var c = a - 1.0;
    for (var round = 0u; round < ROUNDS; round++) {
        for (var j = 0u; j < 16u; j++) {
            a = link(a);
            b = link(b);
            c = link(c);
        }
    }
    out[i] = a + b + c;
}
