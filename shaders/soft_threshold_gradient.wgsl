// The gradient through prox: out = gradient * [z != 0] / (1 + step * mu); the codes z provide the mask

struct Numbers {
    mu: f32,
}

@group(1) @binding(0) var<uniform> numbers: Numbers;
@group(0) @binding(0) var<storage, read> z: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> gradient: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> step: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4<f32>>;

fn each(i: u32) {
    out[i] = select(vec4(0.0), gradient[i] / (1.0 + step[0] * numbers.mu), z[i] != vec4(0.0));
}
