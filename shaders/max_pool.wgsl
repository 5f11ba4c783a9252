// out[n, y, x, c] = max over the window of in[n, y s + wy - p, x s + wx - p, c]; padding never wins.
// `place` is the index of the maximum in its window, row by row; the first one if values tie.

override HEIGHT: u32;
override WIDTH: u32;
override CHANNELS: u32;
override POOLED_HEIGHT: u32;
override POOLED_WIDTH: u32;
override WINDOW: u32;
override STRIDE: u32;
override PADDING: u32;

@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read_write> place: array<f32>;

fn each(i: u32) {
    let c = i % CHANNELS;
    let x = i / CHANNELS % POOLED_WIDTH;
    let y = i / (CHANNELS * POOLED_WIDTH) % POOLED_HEIGHT;
    let n = i / (CHANNELS * POOLED_WIDTH * POOLED_HEIGHT);
    var best = 0.0;
    var where_best = -1.0;
    for (var w = 0u; w < WINDOW * WINDOW; w++) {
        let row = y * STRIDE + w / WINDOW - PADDING;
        let column = x * STRIDE + w % WINDOW - PADDING;
        if row < HEIGHT && column < WIDTH {
            let value = input[((n * HEIGHT + row) * WIDTH + column) * CHANNELS + c];
            if where_best < 0.0 || value > best {
                best = value;
                where_best = f32(w);
            }
        }
    }
    out[i] = best;
    place[i] = where_best;
}
