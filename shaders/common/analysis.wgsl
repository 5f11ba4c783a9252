// Analysis as a matrix product: rows are the pixels (n, y, x) of the codes, columns the atoms, and the sum runs over
// the taps of the kernel (outer) and the channels of the signal in blocks of four (inner).

override INNERS: u32 = (CHANNELS + 3u) / 4u;
override ROWS: u32 = N * CODE_HEIGHT * CODE_WIDTH;
override SOURCE_BY_FOUR: bool = CHANNELS % 4u == 0u;
override FACTOR_BY_FOUR: bool = CHANNELS % 4u == 0u;

// For each row: the signal's pixel under the first tap (image, y, x), and the one under this tap, or -1 outside.
var<private> origin: array<vec3<i32>, 4>;
var<private> pixel: array<i32, 4>;
var<private> first_atom: u32;
var<private> tap: u32;

fn enter_group(group: u32) {}

fn outers(group: u32) -> u32 {
    return TAPS;
}

fn place_rows(first: u32) {
    for (var i = 0u; i < 4u; i++) {
        let row = min(first + i, ROWS - 1u);
        let image = row / (CODE_HEIGHT * CODE_WIDTH);
        let y = i32(row / CODE_WIDTH % CODE_HEIGHT * STRIDE_Y) - i32(PADDING_Y);
        let x = i32(row % CODE_WIDTH * STRIDE_X) - i32(PADDING_X);
        origin[i] = vec3(i32(image * HEIGHT * WIDTH), y, x);
    }
}

fn place_columns(first: u32) {
    first_atom = first;
}

fn enter_outer(outer: u32) {
    tap = outer;
    for (var i = 0u; i < 4u; i++) {
        let y = origin[i].y + i32(tap / KERNEL_WIDTH);
        let x = origin[i].z + i32(tap % KERNEL_WIDTH);
        let inside = u32(y) < HEIGHT && u32(x) < WIDTH;
        pixel[i] = select(-1, origin[i].x + y * i32(WIDTH) + x, inside);
    }
}

// Four channels of the pixel under row i; zero outside of the signal.
fn signal_at(i: u32, inner: u32) -> vec4<f32> {
    let value = source_at(u32(max(pixel[i], 0)) * CHANNELS + 4u * inner, CHANNELS - 4u * inner);
    return select(vec4(0.0), value, pixel[i] >= 0);
}

// Four channels of one atom at this tap.
fn weight_at(atom: u32, inner: u32) -> vec4<f32> {
    let place = min(atom, ATOMS - 1u) * TAPS + tap;
    return factor_at(place * CHANNELS + 4u * inner, CHANNELS - 4u * inner);
}

fn row_block(inner: u32) -> mat4x4<f32> {
    return mat4x4(signal_at(0u, inner), signal_at(1u, inner), signal_at(2u, inner), signal_at(3u, inner));
}

// Line d of column block j in memory order: four channels of one atom.
fn column_line(j: u32, d: u32, inner: u32) -> vec4<f32> {
    return weight_at(first_atom + 4u * j + d, inner);
}

// A column block from its four lines.
fn column_block(lines: mat4x4<f32>) -> mat4x4<f32> {
    return transpose(lines);
}
