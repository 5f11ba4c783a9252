// y = max(a + b, 0)

@group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

fn each(i: u32) {
    y[i] = max(a[i] + b[i], vec4(0.0));
}
