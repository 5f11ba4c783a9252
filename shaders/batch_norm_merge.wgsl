// Merges the parts of batch_norm_statistics (Chan, Golub, LeVeque 1979) and updates the running statistics:
//     running = (1 - momentum) running + momentum batch, with the unbiased variance, as PyTorch does
// LENGTH is the number of channels.

override PIXELS: u32;
override PIXELS_A_CHUNK: u32;

struct Numbers {
    momentum: f32,
}

@group(1) @binding(0) var<uniform> numbers: Numbers;
@group(0) @binding(0) var<storage, read> part_mean: array<f32>;
@group(0) @binding(1) var<storage, read> part_square: array<f32>;
@group(0) @binding(2) var<storage, read_write> mean: array<f32>;
@group(0) @binding(3) var<storage, read_write> variance: array<f32>;
@group(0) @binding(4) var<storage, read_write> running_mean: array<f32>;
@group(0) @binding(5) var<storage, read_write> running_variance: array<f32>;

fn each(i: u32) {
    var count = 0.0;
    var center = 0.0;
    var square = 0.0;
    for (var first = 0u; first < PIXELS; first += PIXELS_A_CHUNK) {
        let part = first / PIXELS_A_CHUNK * LENGTH + i;
        let more = f32(min(PIXELS_A_CHUNK, PIXELS - first));
        let distance = part_mean[part] - center;
        let total = count + more;
        center += distance * (more / total);
        square += part_square[part] + distance * distance * (count * more / total);
        count = total;
    }
    let spread = max(square, 0.0);
    mean[i] = center;
    variance[i] = spread / f32(PIXELS);
    running_mean[i] = mix(running_mean[i], center, numbers.momentum);
    running_variance[i] = mix(running_variance[i], spread / f32(max(PIXELS, 2u) - 1u), numbers.momentum);
}
