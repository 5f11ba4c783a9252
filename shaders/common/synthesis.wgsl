// Synthesis as a matrix product, without inserting zeros: a pixel (y, x) of the signal only meets the taps with
// ky = y + p mod s, so the pixels of one phase (y mod s, x mod s) form a group. Rows are the pixels (n, y / s, x / s)
// of the phase, columns the channels, and the sum runs over the phase's taps (outer) and the atoms in blocks of four
// (inner).

override INNERS: u32 = (ATOMS + 3u) / 4u;
override PHASE_HEIGHT: u32 = (HEIGHT + STRIDE_Y - 1u) / STRIDE_Y;
override PHASE_WIDTH: u32 = (WIDTH + STRIDE_X - 1u) / STRIDE_X;
override ROWS: u32 = N * PHASE_HEIGHT * PHASE_WIDTH;
override SOURCE_BY_FOUR: bool = ATOMS % 4u == 0u;
override FACTOR_BY_FOUR: bool = CHANNELS % 4u == 0u;

// The phase, its first tap and its number of taps, each (y, x).
var<private> phase: vec2<u32>;
var<private> first_tap: vec2<u32>;
var<private> taps: vec2<u32>;
// For each row: the code's pixel that meets the first tap (image, y, x), and the one that meets this tap, or -1.
var<private> origin: array<vec3<i32>, 4>;
var<private> pixel: array<i32, 4>;
var<private> first_channel: u32;
var<private> tap: u32;

fn strides() -> vec2<u32> {
    return vec2(STRIDE_Y, STRIDE_X);
}

fn paddings() -> vec2<u32> {
    return vec2(PADDING_Y, PADDING_X);
}

// The phase that a group is.
fn phase_of(group: u32) -> vec2<u32> {
    return vec2(group / STRIDE_X, group % STRIDE_X);
}

// How many taps a phase meets.
fn taps_of(phase: vec2<u32>) -> vec2<u32> {
    let ends = vec2(KERNEL_HEIGHT, KERNEL_WIDTH) + strides() - 1u;
    return (ends - min((phase + paddings()) % strides(), ends)) / strides();
}

fn enter_group(group: u32) {
    phase = phase_of(group);
    first_tap = (phase + paddings()) % strides();
    taps = taps_of(phase);
}

fn outers(group: u32) -> u32 {
    let count = taps_of(phase_of(group));
    return count.x * count.y;
}

fn place_rows(first: u32) {
    let shift = (phase + paddings() - first_tap) / strides();
    for (var i = 0u; i < 4u; i++) {
        let row = min(first + i, ROWS - 1u);
        let image = row / (PHASE_HEIGHT * PHASE_WIDTH);
        let y = row / PHASE_WIDTH % PHASE_HEIGHT + shift.x;
        let x = row % PHASE_WIDTH + shift.y;
        origin[i] = vec3<i32>(vec3(image * CODE_HEIGHT * CODE_WIDTH, y, x));
    }
}

fn place_columns(first: u32) {
    first_channel = first;
}

fn enter_outer(outer: u32) {
    let step = vec2(outer / taps.y, outer % taps.y);
    tap = (first_tap.x + STRIDE_Y * step.x) * KERNEL_WIDTH + first_tap.y + STRIDE_X * step.y;
    for (var i = 0u; i < 4u; i++) {
        let y = origin[i].y - i32(step.x);
        let x = origin[i].z - i32(step.y);
        let inside = u32(y) < CODE_HEIGHT && u32(x) < CODE_WIDTH;
        pixel[i] = select(-1, origin[i].x + y * i32(CODE_WIDTH) + x, inside);
    }
}

// Four codes of the pixel under row i; zero outside.
fn code_at(i: u32, inner: u32) -> vec4<f32> {
    let value = source_at(u32(max(pixel[i], 0)) * ATOMS + 4u * inner, ATOMS - 4u * inner);
    return select(vec4(0.0), value, pixel[i] >= 0);
}

// Four channels, starting at `channel`, of one atom at this tap. Atoms past the last are multiplied by zero codes.
fn weight_at(atom: u32, channel: u32) -> vec4<f32> {
    let place = min(atom, ATOMS - 1u) * TAPS + tap;
    let begin = min(channel, (CHANNELS - 1u) / 4u * 4u);
    return factor_at(place * CHANNELS + begin, CHANNELS - begin);
}

fn row_block(inner: u32) -> mat4x4<f32> {
    return mat4x4(code_at(0u, inner), code_at(1u, inner), code_at(2u, inner), code_at(3u, inner));
}

// Line d of column block j in memory order: four channels of one atom.
fn column_line(j: u32, d: u32, inner: u32) -> vec4<f32> {
    return weight_at(4u * inner + d, first_channel + 4u * j);
}

// A column block from its four lines.
fn column_block(lines: mat4x4<f32>) -> mat4x4<f32> {
    return lines;
}

const NOWHERE = 0xffffffffu;

// The index of this row's pixel in the signal, or NOWHERE.
fn pixel_of(row: u32) -> u32 {
    let image = row / (PHASE_HEIGHT * PHASE_WIDTH);
    let y = row / PHASE_WIDTH % PHASE_HEIGHT * STRIDE_Y + phase.x;
    let x = row % PHASE_WIDTH * STRIDE_X + phase.y;
    return select(NOWHERE, (image * HEIGHT + y) * WIDTH + x, row < ROWS && y < HEIGHT && x < WIDTH);
}
