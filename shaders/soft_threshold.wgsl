// z = prox(u) as in common/prox.wgsl, with SAMPLE values and one lambda per sample

override SAMPLE: u32;

@group(0) @binding(0) var<storage, read> u: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> step: array<f32>;
@group(0) @binding(2) var<storage, read> lambda: array<f32>;
@group(0) @binding(3) var<storage, read_write> z: array<vec4<f32>>;

fn each(i: u32) {
    for (var q = 0u; q < 4u; q++) {
        let sample = min((4u * i + q) / SAMPLE, arrayLength(&lambda) - 1u);
        z[i][q] = prox(u[i][q], step[0], lambda[sample]);
    }
}
