// Swizzle assignment, a language feature that only recent implementations have.
@group(0) @binding(0) var<storage, read_write> data: array<vec4<f32>>;

@compute @workgroup_size(1)
fn main() {
    data[0].xy = vec2(0.0);
}
