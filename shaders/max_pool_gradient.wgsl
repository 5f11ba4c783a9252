// out[n, y, x, c] = sum of the gradients of the windows whose maximum this value was

override HEIGHT: u32;
override WIDTH: u32;
override CHANNELS: u32;
override POOLED_HEIGHT: u32;
override POOLED_WIDTH: u32;
override WINDOW: u32;
override STRIDE: u32;
override PADDING: u32;

@group(0) @binding(0) var<storage, read> gradient: array<f32>;
@group(0) @binding(1) var<storage, read> place: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

fn each(i: u32) {
    let c = i % CHANNELS;
    let x = i / CHANNELS % WIDTH;
    let y = i / (CHANNELS * WIDTH) % HEIGHT;
    let n = i / (CHANNELS * WIDTH * HEIGHT);
    var sum = 0.0;
    for (var w = 0u; w < WINDOW * WINDOW; w++) {
        // The window that has this value at place w, if any.
        let row = y + PADDING - w / WINDOW;
        let column = x + PADDING - w % WINDOW;
        let pooled_y = row / STRIDE;
        let pooled_x = column / STRIDE;
        if row % STRIDE == 0u && column % STRIDE == 0u && pooled_y < POOLED_HEIGHT && pooled_x < POOLED_WIDTH {
            let at = ((n * POOLED_HEIGHT + pooled_y) * POOLED_WIDTH + pooled_x) * CHANNELS + c;
            if place[at] == f32(w) {
                sum += gradient[at];
            }
        }
    }
    out[i] = sum;
}
