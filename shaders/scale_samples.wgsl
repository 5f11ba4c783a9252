// out = factor[sample] * a, with SAMPLE values per sample

override SAMPLE: u32;

@group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> factor: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;

fn each(i: u32) {
    for (var q = 0u; q < 4u; q++) {
        let sample = min((4u * i + q) / SAMPLE, arrayLength(&factor) - 1u);
        out[i][q] = factor[sample] * a[i][q];
    }
}
