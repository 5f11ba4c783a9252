// AdamW (arXiv 1711.05101), in place:
//     first += (1 - beta1) (gradient - first),  second = beta2 * second + (1 - beta2) * gradient^2
//     parameter = keep * parameter - step * first / (sqrt(second) / root + epsilon)
// where keep = 1 - learning_rate * decay, step = learning_rate / (1 - beta1^t) and root = sqrt(1 - beta2^t) in the t-th step.

struct Numbers {
    keep: f32,
    step: f32,
    root: f32,
    epsilon: f32,
    // 1 - beta1
    share: f32,
    beta2: f32,
    // 1 - beta2
    rest2: f32,
}

@group(1) @binding(0) var<uniform> numbers: Numbers;
@group(0) @binding(0) var<storage, read_write> parameter: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> first: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> second: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> gradient: array<vec4<f32>>;

fn each(i: u32) {
    let g = gradient[i];
    let mean = first[i] + numbers.share * (g - first[i]);
    let square = numbers.beta2 * second[i] + numbers.rest2 * (g * g);
    first[i] = mean;
    second[i] = square;
    let size = sqrt(square) / numbers.root + numbers.epsilon;
    parameter[i] = numbers.keep * parameter[i] - numbers.step * (mean / size);
}
