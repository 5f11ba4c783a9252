// out[row, channel] = x[row, channel] + bias[channel]

override CHANNELS: u32;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> bias: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

fn each(i: u32) {
    out[i] = x[i] + bias[i % CHANNELS];
}
