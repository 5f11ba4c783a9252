// The factor that fits a reconstruction to its signal best, by sample: a workgroup a sample.
//     scale[n] = <x - r, x> / |x - r|^2,  x - r = A z being the reconstruction, and 0 where there is none

override SAMPLES: u32;
override SAMPLE: u32;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> residual: array<f32>;
@group(0) @binding(2) var<storage, read_write> scale: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let sample = workgroup_index(workgroup, workgroups);
    if sample >= SAMPLES {
        return;
    }
    var product = 0.0;
    var square = 0.0;
    for (var i = local; i < SAMPLE; i += 64u) {
        let signal = x[sample * SAMPLE + i];
        let kept = signal - residual[sample * SAMPLE + i];
        product += kept * signal;
        square += kept * kept;
    }
    let products = total(local, product);
    let squares = total(local, square);
    if local == 0u {
        scale[sample] = select(0.0, products / squares, squares > 0.0);
    }
}
