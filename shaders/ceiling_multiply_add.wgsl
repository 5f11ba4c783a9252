// out = the sum of three chains of 16 ROUNDS fused multiply-adds, which start at start, start + 1 and start - 1:
// twelve independent chains per thread and next to no memory traffic. Its speed is the ceiling of the adapter.

override ROUNDS: u32;

@group(0) @binding(0) var<storage, read> start: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> out: array<vec4<f32>>;

fn link(v: vec4<f32>) -> vec4<f32> {
    return fma(v, vec4(0.96875), vec4(0.03125));
}

fn each(i: u32) {
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
