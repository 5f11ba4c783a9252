// A step of an exponential moving average, in place: average += share * (value - average)

struct Numbers {
    share: f32,
}

@group(1) @binding(0) var<uniform> numbers: Numbers;
@group(0) @binding(0) var<storage, read_write> average: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> value: array<vec4<f32>>;

fn each(i: u32) {
    average[i] += numbers.share * (value[i] - average[i]);
}
