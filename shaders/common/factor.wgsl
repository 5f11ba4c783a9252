// What a result is multiplied by: a number of the call times one value on the device.

struct Numbers {
    factor: f32,
}

@group(0) @binding(5) var<storage, read> scale: array<f32>;
@group(1) @binding(0) var<uniform> numbers: Numbers;

var<private> times: f32;

fn begin_stores() {
    times = numbers.factor * scale[0];
}
