// The *register* schedule of the matrix product that every convolution kernel is, for adapters that run on a CPU: no
// workgroup memory, since barriers cost more than they save. A workgroup of eight threads owns 32 rows x up to 64
// columns; a thread owns four of the rows. Loads limit the speed there, so the columns, which all threads
// share, are loaded once for the subgroup and broadcast within it.
//
//     result[row, column] = sum over outer, inner of rows[row, k] * columns[k, column]
//
// The kernel defines rows and columns through enter_group, outers, INNERS, place_rows, place_columns, enter_outer,
// row_block, column_line, column_block, begin_stores, store.

// Whether subgroups have at least eight lanes; otherwise they have four.
override EIGHT_LANES: bool;
// Blocks of four columns in a tile: 2, 4, .. 16.
override COLUMN_BLOCKS: u32;

// Two blocks of four columns, of the operand or of the results for four rows.
struct Pair {
    a: mat4x4<f32>,
    b: mat4x4<f32>,
}

// Loops are unrolled by hand below: a driver that does not unroll them would keep the sums in memory.

fn from_lanes_0_to_3(line: vec4<f32>) -> mat4x4<f32> {
    return column_block(mat4x4(
        subgroupBroadcast(line, 0u),
        subgroupBroadcast(line, 1u),
        subgroupBroadcast(line, 2u),
        subgroupBroadcast(line, 3u),
    ));
}

fn from_lanes_4_to_7(line: vec4<f32>) -> mat4x4<f32> {
    return column_block(mat4x4(
        subgroupBroadcast(line, 4u),
        subgroupBroadcast(line, 5u),
        subgroupBroadcast(line, 6u),
        subgroupBroadcast(line, 7u),
    ));
}

// The column blocks j and j + 1; each lane loads one line and broadcasts it.
fn columns(j: u32, lane: u32, inner: u32) -> Pair {
    if EIGHT_LANES {
        let line = column_line(j + lane / 4u % 2u, lane % 4u, inner);
        return Pair(from_lanes_0_to_3(line), from_lanes_4_to_7(line));
    }
    let a = column_line(j, lane, inner);
    let b = column_line(j + 1u, lane, inner);
    return Pair(from_lanes_0_to_3(a), from_lanes_0_to_3(b));
}

fn accumulate(sum: ptr<function, Pair>, j: u32, rows: mat4x4<f32>, lane: u32, inner: u32) {
    if j < COLUMN_BLOCKS {
        let pair = columns(j, lane, inner);
        (*sum).a += pair.a * rows;
        (*sum).b += pair.b * rows;
    }
}

fn store_block(row: u32, column: u32, block: mat4x4<f32>) {
    store(row, column, block[0]);
    store(row + 1u, column, block[1]);
    store(row + 2u, column, block[2]);
    store(row + 3u, column, block[3]);
}

fn store_pair(sum: Pair, j: u32, row: u32, column: u32) {
    if j < COLUMN_BLOCKS {
        store_block(row, column + 4u * j, sum.a);
        store_block(row, column + 4u * j + 4u, sum.b);
    }
}

@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let tile = workgroup_index(workgroup, workgroups);
    if tile >= GROUPS * ROW_TILES * COLUMN_TILES {
        return;
    }
    let row = (tile % ROW_TILES * 8u + local) * 4u;
    let column = tile / ROW_TILES % COLUMN_TILES * (4u * COLUMN_BLOCKS);
    let group = tile / (ROW_TILES * COLUMN_TILES);
    enter_group(group);
    place_rows(row);
    place_columns(column);

    var sum0: Pair;
    var sum1: Pair;
    var sum2: Pair;
    var sum3: Pair;
    var sum4: Pair;
    var sum5: Pair;
    var sum6: Pair;
    var sum7: Pair;
    let outer_count = outers(group);
    for (var outer = 0u; outer < outer_count; outer++) {
        enter_outer(outer);
        for (var inner = 0u; inner < INNERS; inner++) {
            let rows = row_block(inner);
            accumulate(&sum0, 0u, rows, lane, inner);
            accumulate(&sum1, 2u, rows, lane, inner);
            accumulate(&sum2, 4u, rows, lane, inner);
            accumulate(&sum3, 6u, rows, lane, inner);
            accumulate(&sum4, 8u, rows, lane, inner);
            accumulate(&sum5, 10u, rows, lane, inner);
            accumulate(&sum6, 12u, rows, lane, inner);
            accumulate(&sum7, 14u, rows, lane, inner);
        }
    }
    begin_stores();
    store_pair(sum0, 0u, row, column);
    store_pair(sum1, 2u, row, column);
    store_pair(sum2, 4u, row, column);
    store_pair(sum3, 6u, row, column);
    store_pair(sum4, 8u, row, column);
    store_pair(sum5, 10u, row, column);
    store_pair(sum6, 12u, row, column);
    store_pair(sum7, 14u, row, column);
}
