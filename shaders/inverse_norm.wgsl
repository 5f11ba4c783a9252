// out[i] = factor / max(sqrt(square[i]), 1e-12)

struct Numbers {
    factor: f32,
}

@group(1) @binding(0) var<uniform> numbers: Numbers;
@group(0) @binding(0) var<storage, read> square: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

fn each(i: u32) {
    out[i] = numbers.factor / max(sqrt(square[i]), 1e-12);
}
