// The factor that best fits a reconstruction to its signal, one workgroup per sample:
//     scale[n] = <x - r, x> / |x - r|^2,  where x - r = A z is the reconstruction; 0 if that is zero

override SAMPLE: u32;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> residual: array<f32>;
@group(0) @binding(2) var<storage, read_write> scale: array<f32>;

fn each_group(sample: u32, local: u32) {
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
