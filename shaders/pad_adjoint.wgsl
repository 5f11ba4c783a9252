// The adjoint of pad: every value sums those of all padded places that show it,
//     out[n, y, x, c] = sum over rows with source(row) = y and columns with source(column) = x of padded[n, row, column, c]
// LENGTH is the number of values in out.

override HEIGHT: u32;
override WIDTH: u32;
override CHANNELS: u32;
override PADDING_Y: u32;
override PADDING_X: u32;
override MODE: u32;

@group(0) @binding(0) var<storage, read> padded: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

// Begin and end of the padded places that show this one: before the map (part 0), on it (1), and behind it (2).
fn copies(part: u32, at: u32, size: u32, padding: u32) -> vec2<u32> {
    let last = size - 1u;
    var begin = at + padding;
    var count = 1u;
    if part == 0u {
        if MODE == 1u {
            count = u32(at >= 1u && at <= padding);
            begin = padding - at;
        } else if MODE == 2u {
            count = select(0u, padding, at == 0u);
            begin = 0u;
        } else {
            count = u32(MODE == 3u && at + padding >= size);
            begin = at + padding - size;
        }
    } else if part == 2u {
        if MODE == 1u {
            count = u32(at < last && at + padding >= last);
            begin = 2u * last - at + padding;
        } else if MODE == 2u {
            count = select(0u, padding, at == last);
            begin = size + padding;
        } else {
            count = u32(MODE == 3u && at < padding);
            begin = at + size + padding;
        }
    }
    return vec2(begin, begin + count);
}

fn each(i: u32) {
    let pixel = i / CHANNELS;
    let x = pixel % WIDTH;
    let y = pixel / WIDTH % HEIGHT;
    let wide = WIDTH + 2u * PADDING_X;
    let first = pixel / (WIDTH * HEIGHT) * (HEIGHT + 2u * PADDING_Y);
    var sum = 0.0;
    for (var part = 0u; part < 9u; part++) {
        let rows = copies(part / 3u, y, HEIGHT, PADDING_Y);
        let columns = copies(part % 3u, x, WIDTH, PADDING_X);
        for (var row = rows.x; row < rows.y; row++) {
            for (var column = columns.x; column < columns.y; column++) {
                sum += padded[((first + row) * wide + column) * CHANNELS + i % CHANNELS];
            }
        }
    }
    out[i] = sum;
}
