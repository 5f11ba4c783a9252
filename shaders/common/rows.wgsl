// The pixels of batch norm in chunks. ROW_PIXELS consecutive pixels share a row of statistics: all, or those of one sample
// if every sample has its own. A chunk never spans two rows.

override CHANNELS: u32;
override ROW_PIXELS: u32;
override PIXELS_A_CHUNK: u32;

struct Numbers {
    epsilon: f32,
}

@group(1) @binding(0) var<uniform> numbers: Numbers;

struct Chunk {
    // The index of the statistics of channel 0.
    statistics: u32,
    // Its range of pixels, end exclusive.
    first: u32,
    last: u32,
}

fn chunk(index: u32) -> Chunk {
    let chunks = (ROW_PIXELS + PIXELS_A_CHUNK - 1u) / PIXELS_A_CHUNK;
    let row = index / chunks;
    let first = row * ROW_PIXELS + index % chunks * PIXELS_A_CHUNK;
    return Chunk(row * CHANNELS, first, min(first + PIXELS_A_CHUNK, (row + 1u) * ROW_PIXELS));
}
