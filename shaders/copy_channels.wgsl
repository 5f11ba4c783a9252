// out[p, TO + c] = input[p, FROM + c] for c below CHANNELS; the other channels of `out` keep their values.
// LENGTH is the number of values copied.

override CHANNELS: u32;
override INPUT_CHANNELS: u32;
override OUT_CHANNELS: u32;
override FROM: u32;
override TO: u32;

@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

fn each(i: u32) {
    let pixel = i / CHANNELS;
    let c = i % CHANNELS;
    out[pixel * OUT_CHANNELS + TO + c] = input[pixel * INPUT_CHANNELS + FROM + c];
}
