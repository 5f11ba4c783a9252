// The proximal operator of step * (lambda |z|_1 + mu / 2 |z|^2), with z >= 0 if NON_NEGATIVE:
//     soft(u, step * lambda) / (1 + step * mu), then max(0, .)

override NON_NEGATIVE: bool;

struct Numbers {
    mu: f32,
}

@group(1) @binding(0) var<uniform> numbers: Numbers;

fn prox(u: f32, step: f32, lambda: f32) -> f32 {
    let threshold = step * lambda;
    if NON_NEGATIVE {
        return max(u - threshold, 0.0) / (1.0 + step * numbers.mu);
    }
    return (max(u - threshold, 0.0) - max(-u - threshold, 0.0)) / (1.0 + step * numbers.mu);
}
