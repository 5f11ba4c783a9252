// The gradient of batch norm with respect to x, from the summed gradients of weight and bias:
//     out = weight / sqrt(variance + epsilon) * (gradient - (sum_bias + normalised x * sum_weight) / PIXELS)
// Running statistics (TRAIN false), which may differ by sample, do not depend on x, so that only the first factor
// remains. Without a mean (CENTRED false; mean is 0, and variance half the mean square) it is
//     out = weight / sqrt(variance + epsilon) * (gradient - normalised x * sum_weight / (2 PIXELS))
// A thread handles a chunk of the pixels of one channel; LENGTH is CHUNKS * CHANNELS.

override PIXELS: u32;
override TRAIN: bool;
override CENTRED: bool;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mean: array<f32>;
@group(0) @binding(2) var<storage, read> variance: array<f32>;
@group(0) @binding(3) var<storage, read> weight: array<f32>;
@group(0) @binding(4) var<storage, read> gradient: array<f32>;
@group(0) @binding(5) var<storage, read> sum_weight: array<f32>;
@group(0) @binding(6) var<storage, read> sum_bias: array<f32>;
@group(0) @binding(7) var<storage, read_write> out: array<f32>;

fn each(i: u32) {
    let c = i % CHANNELS;
    let pixels = chunk(i / CHANNELS);
    let center = mean[pixels.statistics + c];
    let inverse = 1.0 / sqrt(variance[pixels.statistics + c] + numbers.epsilon);
    let slope = weight[c] * inverse;
    let share = select(0.5, 1.0, CENTRED);
    let along = select(0.0, share * inverse * sum_weight[c] / f32(PIXELS), TRAIN);
    let shift = select(0.0, sum_bias[c] / f32(PIXELS), TRAIN && CENTRED);
    for (var p = pixels.first; p < pixels.last; p++) {
        let at = p * CHANNELS + c;
        out[at] = slope * (gradient[at] - shift - (x[at] - center) * along);
    }
}
