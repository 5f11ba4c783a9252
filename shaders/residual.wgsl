// residual = signal - A codes, with A codes as in synthesis.wgsl

@group(0) @binding(4) var<storage, read_write> residual: array<f32>;
@group(0) @binding(5) var<storage, read> signal: array<f32>;

fn begin_stores() {}

fn store(row: u32, channel: u32, value: vec4<f32>) {
    let pixel = pixel_of(row);
    for (var q = 0u; q < 4u; q++) {
        if pixel != NOWHERE && channel + q < CHANNELS {
            let i = pixel * CHANNELS + channel + q;
            residual[i] = signal[i] - value[q];
        }
    }
}
