// The gradient of dictionary_loss with respect to the codes, without what goes through the residual:
//     out = gradient[0] * factor * (lambda[n] sign(z) + mu z)

override SAMPLE: u32;

struct Numbers {
    factor: f32,
    mu: f32,
}

@group(1) @binding(0) var<uniform> numbers: Numbers;
@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> lambda: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

fn each(i: u32) {
    out[i] = gradient[0] * numbers.factor * (lambda[i / SAMPLE] * sign(z[i]) + numbers.mu * z[i]);
}
