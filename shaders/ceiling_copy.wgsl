// out = a: the least computation possible for its memory traffic

@group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> out: array<vec4<f32>>;

fn each(i: u32) {
    out[i] = a[i];
}
