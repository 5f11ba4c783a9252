// The extrapolated point of FISTA: out = z + beta (z - previous)

struct Numbers {
    beta: f32,
}

@group(1) @binding(0) var<uniform> numbers: Numbers;
@group(0) @binding(0) var<storage, read> z: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> previous: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;

fn each(i: u32) {
    out[i] = z[i] + numbers.beta * (z[i] - previous[i]);
}
