// A map with PADDING_Y rows above and below it and PADDING_X columns on either side, which MODE fills: 0 with zeros, 1 with the
// map mirrored at its last value, 2 with that value, 3 with the map from its other end.
//     out[n, y, x, c] = input[n, source(y), source(x), c]
// LENGTH is the number of values in out.

override HEIGHT: u32;
override WIDTH: u32;
override CHANNELS: u32;
override PADDING_Y: u32;
override PADDING_X: u32;
override MODE: u32;

@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

// The place that a padded place shows; not below size where there is none.
fn source(place: u32, size: u32, padding: u32) -> u32 {
    let at = i32(place) - i32(padding);
    let last = i32(size) - 1;
    if MODE == 1u {
        return u32(last - abs(last - abs(at)));
    } else if MODE == 2u {
        return u32(clamp(at, 0, last));
    } else if MODE == 3u {
        return u32(at + i32(size)) % size;
    }
    return u32(at);
}

fn each(i: u32) {
    let pixel = i / CHANNELS;
    let wide = WIDTH + 2u * PADDING_X;
    let high = HEIGHT + 2u * PADDING_Y;
    let column = source(pixel % wide, WIDTH, PADDING_X);
    let row = source(pixel / wide % high, HEIGHT, PADDING_Y);
    let inside = row < HEIGHT && column < WIDTH;
    let place = ((pixel / (wide * high) * HEIGHT + row) * WIDTH + column) * CHANNELS + i % CHANNELS;
    out[i] = select(0.0, input[select(0u, place, inside)], inside);
}
