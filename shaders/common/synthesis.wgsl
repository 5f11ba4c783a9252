// Synthesis as a matrix product, without inserted zeros: a pixel (y, x) of the signal meets only the taps with
// ky = y + p mod s, so the pixels of one phase (y mod s, x mod s) form a group. Rows are the pixels (n, y / s, x / s)
// of the phase, columns the channels, and the sum runs over the phase's taps (outer) and the atoms in blocks of four
// (inner).

override INNERS: u32 = (ATOMS + 3u) / 4u;
override PHASE_HEIGHT: u32 = (HEIGHT + STRIDE - 1u) / STRIDE;
override PHASE_WIDTH: u32 = (WIDTH + STRIDE - 1u) / STRIDE;
override ROWS: u32 = N * PHASE_HEIGHT * PHASE_WIDTH;
override SOURCE_BY_FOUR: bool = ATOMS % 4u == 0u;
override FACTOR_BY_FOUR: bool = CHANNELS % 4u == 0u;

// The phase, its first tap and its number of taps, each (y, x).
var<private> phase: vec2<u32>;
var<private> first_tap: vec2<u32>;
var<private> taps: vec2<u32>;
// Of each row: the code's pixel that meets the first tap (image, y, x), and the one that meets this tap or -1.
var<private> origin: array<vec3<i32>, 4>;
var<private> pixel: array<i32, 4>;
var<private> first_channel: u32;
var<private> tap: u32;

fn enter_group(group: u32) {
    phase = vec2(group / STRIDE, group % STRIDE);
    first_tap = (phase + PADDING) % STRIDE;
    taps = (KERNEL + STRIDE - 1u - min(first_tap, vec2(KERNEL + STRIDE - 1u))) / STRIDE;
}

fn outers() -> u32 {
    return taps.x * taps.y;
}

fn place_rows(first: u32) {
    let shift = (phase + PADDING - first_tap) / STRIDE;
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
    tap = (first_tap.x + STRIDE * step.x) * KERNEL + first_tap.y + STRIDE * step.y;
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

// Four channels, from `channel` on, of one atom at this tap. Atoms past the last meet codes that are zero.
fn weight_at(atom: u32, channel: u32) -> vec4<f32> {
    let place = min(atom, ATOMS - 1u) * (KERNEL * KERNEL) + tap;
    let begin = min(channel, (CHANNELS - 1u) / 4u * 4u);
    return factor_at(place * CHANNELS + begin, CHANNELS - begin);
}

fn row_block(inner: u32) -> mat4x4<f32> {
    return mat4x4(code_at(0u, inner), code_at(1u, inner), code_at(2u, inner), code_at(3u, inner));
}

// Line d of column block j as it lies in memory: four channels of one atom.
fn column_line(j: u32, d: u32, inner: u32) -> vec4<f32> {
    return weight_at(4u * inner + d, first_channel + 4u * j);
}

// A column block from its four lines.
fn column_block(lines: mat4x4<f32>) -> mat4x4<f32> {
    return lines;
}

const NOWHERE = 0xffffffffu;

// Where the signal's pixel of this row is, or NOWHERE.
fn pixel_of(row: u32) -> u32 {
    let image = row / (PHASE_HEIGHT * PHASE_WIDTH);
    let y = row / PHASE_WIDTH % PHASE_HEIGHT * STRIDE + phase.x;
    let x = row % PHASE_WIDTH * STRIDE + phase.y;
    return select(NOWHERE, (image * HEIGHT + y) * WIDTH + x, row < ROWS && y < HEIGHT && x < WIDTH);
}
