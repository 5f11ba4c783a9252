// Stochastic gradient descent with momentum and weight decay, in place:
//     g = gradient + decay * parameter,  velocity = momentum * velocity + g
//     parameter -= learning_rate * (g + momentum * velocity) if NESTEROV, else learning_rate * velocity

override NESTEROV: bool;

struct Numbers {
    learning_rate: f32,
    momentum: f32,
    decay: f32,
}

@group(1) @binding(0) var<uniform> numbers: Numbers;
@group(0) @binding(0) var<storage, read_write> parameter: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> velocity: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> gradient: array<vec4<f32>>;

fn each(i: u32) {
    let g = gradient[i] + numbers.decay * parameter[i];
    let moved = numbers.momentum * velocity[i] + g;
    velocity[i] = moved;
    parameter[i] -= numbers.learning_rate * select(moved, g + numbers.momentum * moved, NESTEROV);
}
