// The factor that brings gradients, the sum of whose squares is square[i], to a norm of at most `most`:
//     factor = min(1, most / (sqrt(square) + 1e-6))

struct Numbers {
    most: f32,
}

@group(1) @binding(0) var<uniform> numbers: Numbers;
@group(0) @binding(0) var<storage, read> square: array<f32>;
@group(0) @binding(1) var<storage, read_write> factor: array<f32>;

fn each(i: u32) {
    factor[i] = min(1.0, numbers.most / (sqrt(square[i]) + 1e-6));
}
