// The gradient of factor * <codes, A^T signal> with respect to the weights, in GROUPS parts, which sum_groups adds up:
//     part[group, c, ky, kx, m] = factor * sum over the group's code lines (n, y) and x of
//                                         codes[n, y, x, c] * signal[n, y s + ky - p, x s + kx - p, m]
// As a matrix product: rows are (tap, channel), columns the atoms, and the sum runs over the group's lines (outer)
// and the pixels of a line in blocks of four (inner). `source` is the signal, `factor` the codes.

override LINES_A_GROUP: u32;
override INNERS: u32 = (CODE_WIDTH + 3u) / 4u;
// Whether lines are multiples of four pixels, so that no block crosses the end of a line.
override WHOLE: bool = CODE_WIDTH % 4u == 0u;
override CHANNEL_BLOCKS: u32 = (CHANNELS + 3u) / 4u;
override SOURCE_BY_FOUR: bool = CHANNELS % 4u == 0u;
override FACTOR_BY_FOUR: bool = ATOMS % 4u == 0u;

@group(0) @binding(4) var<storage, read_write> part: array<f32>;

// For the block of rows: its tap (y, x) minus the padding, its first channel, and the first pixel of the signal's line
// under the tap, or -1 outside.
var<private> tap: vec2<i32>;
var<private> channel: u32;
var<private> signal_line: i32;
var<private> first_atom: u32;
var<private> this_group: u32;
var<private> code_line: u32;

fn enter_group(group: u32) {
    this_group = group;
}

fn outers(group: u32) -> u32 {
    return min(LINES_A_GROUP, N * CODE_HEIGHT - group * LINES_A_GROUP);
}

fn place_rows(first: u32) {
    let place = min(first / 4u / CHANNEL_BLOCKS, TAPS - 1u);
    tap = vec2<i32>(vec2(place / KERNEL_WIDTH, place % KERNEL_WIDTH)) - vec2<i32>(vec2(PADDING_Y, PADDING_X));
    channel = first / 4u % CHANNEL_BLOCKS * 4u;
}

fn place_columns(first: u32) {
    first_atom = first;
}

fn enter_outer(outer: u32) {
    code_line = this_group * LINES_A_GROUP + outer;
    let y = i32(code_line % CODE_HEIGHT * STRIDE_Y) + tap.x;
    signal_line = select(-1, i32(code_line / CODE_HEIGHT * HEIGHT) + y, u32(y) < HEIGHT) * i32(WIDTH);
}

// Four channels of the signal's pixel under this tap of code x of this line; zero outside.
fn signal_at(x: u32) -> vec4<f32> {
    let column = i32(x * STRIDE_X) + tap.y;
    let inside = (WHOLE || x < CODE_WIDTH) && signal_line >= 0 && u32(column) < WIDTH;
    let pixel = select(0u, u32(signal_line + column), inside);
    return select(vec4(0.0), source_at(pixel * CHANNELS + channel, CHANNELS - channel), inside);
}

// Four atoms, starting at `atom`, of code x of this line; zero past the end of the line.
fn code_at(atom: u32, x: u32) -> vec4<f32> {
    let begin = min(atom, (ATOMS - 1u) / 4u * 4u);
    let inside = WHOLE || x < CODE_WIDTH;
    let pixel = code_line * CODE_WIDTH + select(0u, x, inside);
    return select(vec4(0.0), factor_at(pixel * ATOMS + begin, ATOMS - begin), inside);
}

fn row_block(inner: u32) -> mat4x4<f32> {
    let x = 4u * inner;
    return transpose(mat4x4(signal_at(x), signal_at(x + 1u), signal_at(x + 2u), signal_at(x + 3u)));
}

// Line d of column block j in memory order: four atoms of one code.
fn column_line(j: u32, d: u32, inner: u32) -> vec4<f32> {
    return code_at(first_atom + 4u * j, 4u * inner + d);
}

// A column block from its four lines.
fn column_block(lines: mat4x4<f32>) -> mat4x4<f32> {
    return lines;
}

fn store(row: u32, atom: u32, value: vec4<f32>) {
    let place = row / 4u / CHANNEL_BLOCKS;
    let m = row / 4u % CHANNEL_BLOCKS * 4u + row % 4u;
    for (var q = 0u; q < 4u; q++) {
        if place < TAPS && m < CHANNELS && atom + q < ATOMS {
            let c = this_group * ATOMS + atom + q;
            part[(c * TAPS + place) * CHANNELS + m] = times * value[q];
        }
    }
}
