// out = gradient * [y > 0]

@group(0) @binding(0) var<storage, read> y: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> gradient: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;

fn each(i: u32) {
    out[i] = select(vec4(0.0), gradient[i], y[i] > vec4(0.0));
}
