// Chunks of the pixels of batch norm. ROW_PIXELS pixels in a row share one row of statistics: all of them, or those of a
// sample where every sample has statistics of its own. A chunk lies within a row.

override CHANNELS: u32;
override ROW_PIXELS: u32;
override PIXELS_A_CHUNK: u32;

struct Chunk {
    // Where the statistics of channel 0 are.
    statistics: u32,
    // Its pixels, the last one excluded.
    first: u32,
    last: u32,
}

fn chunk(index: u32) -> Chunk {
    let chunks = (ROW_PIXELS + PIXELS_A_CHUNK - 1u) / PIXELS_A_CHUNK;
    let row = index / chunks;
    let first = row * ROW_PIXELS + index % chunks * PIXELS_A_CHUNK;
    return Chunk(row * CHANNELS, first, min(first + PIXELS_A_CHUNK, (row + 1u) * ROW_PIXELS));
}
