// y = max(x, 0)

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;

fn each(i: u32) {
    y[i] = max(x[i], vec4(0.0));
}
