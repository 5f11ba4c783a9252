// y = (x - mean) / sqrt(variance + epsilon) * weight + bias, or max(., 0) of it if RELU; by channel, and by sample if
// the statistics are. A thread handles a chunk of the pixels of one channel; LENGTH is CHUNKS * CHANNELS.

override RELU: bool;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mean: array<f32>;
@group(0) @binding(2) var<storage, read> variance: array<f32>;
@group(0) @binding(3) var<storage, read> weight: array<f32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

fn each(i: u32) {
    let c = i % CHANNELS;
    let pixels = chunk(i / CHANNELS);
    let center = mean[pixels.statistics + c];
    let slope = weight[c] / sqrt(variance[pixels.statistics + c] + numbers.epsilon);
    let offset = bias[c];
    for (var p = pixels.first; p < pixels.last; p++) {
        let normalised = (x[p * CHANNELS + c] - center) * slope + offset;
        y[p * CHANNELS + c] = select(normalised, max(normalised, 0.0), RELU);
    }
}
