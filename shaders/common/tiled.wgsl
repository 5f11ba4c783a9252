// The *tiled* schedule of the matrix product that every convolution kernel is: a workgroup of 64 threads owns a tile
// of 64 rows x 64 columns, a thread 8 x 8 of it; operands go through workgroup memory, 16 terms at a time. For GPUs.
//
//     result[row, column] = sum over outer, inner of rows[row, k] * columns[k, column]
//
// The kernel defines rows and columns through enter_group, outers, INNERS, place_rows, place_columns, enter_outer,
// row_block, column_line, column_block, begin_stores, store.

// [term][block of four rows or columns]; padding of two blocks after every four terms avoids bank conflicts.
var<workgroup> staged_rows: array<vec4<f32>, 264>;
var<workgroup> staged_columns: array<vec4<f32>, 264>;

fn slot(term: u32, block: u32) -> u32 {
    return term * 16u + term / 4u * 2u + block;
}

struct Loaded {
    rows: mat4x4<f32>,
    columns: mat4x4<f32>,
}

fn load(step: u32, steps: u32) -> Loaded {
    var loaded: Loaded;
    if step < steps {
        enter_outer(step / INNERS);
        let inner = step % INNERS;
        loaded.rows = transpose(row_block(inner));
        loaded.columns = column_block(mat4x4(
            column_line(0u, 0u, inner),
            column_line(0u, 1u, inner),
            column_line(0u, 2u, inner),
            column_line(0u, 3u, inner),
        ));
    }
    return loaded;
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let tile = workgroup_index(workgroup, workgroups);
    if tile >= GROUPS * ROW_TILES * COLUMN_TILES {
        return;
    }
    let first_column = tile % COLUMN_TILES * 64u;
    let first_row = tile / COLUMN_TILES % ROW_TILES * 64u;
    let group = tile / (ROW_TILES * COLUMN_TILES);
    enter_group(group);

    // As a loader, this thread loads block `block` of the rows and of the columns, terms 4 depth .. 4 depth + 3.
    let depth = local % 4u;
    let block = local / 4u;
    place_rows(first_row + 4u * block);
    place_columns(first_column + 4u * block);

    // As a worker, it computes the row blocks y and y + 8 and the column blocks x and x + 8.
    let x = local % 8u;
    let y = local / 8u;
    var sum: array<mat4x4<f32>, 4>;

    let steps = outers(group) * INNERS;
    var loaded = load(depth, steps);
    for (var first = 0u; first < steps; first += 4u) {
        workgroupBarrier();
        for (var q = 0u; q < 4u; q++) {
            staged_rows[slot(4u * depth + q, block)] = loaded.rows[q];
            staged_columns[slot(4u * depth + q, block)] = loaded.columns[q];
        }
        workgroupBarrier();
        loaded = load(first + 4u + depth, steps);
        for (var term = 0u; term < 16u; term++) {
            let rows_a = staged_rows[slot(term, y)];
            let rows_b = staged_rows[slot(term, y + 8u)];
            let columns_a = staged_columns[slot(term, x)];
            let columns_b = staged_columns[slot(term, x + 8u)];
            for (var q = 0u; q < 4u; q++) {
                sum[0][q] += rows_a[q] * columns_a;
                sum[1][q] += rows_a[q] * columns_b;
                sum[2][q] += rows_b[q] * columns_a;
                sum[3][q] += rows_b[q] * columns_b;
            }
        }
    }
    begin_stores();
    for (var i = 0u; i < 4u; i++) {
        for (var q = 0u; q < 4u; q++) {
            store(first_row + 4u * (y + i / 2u * 8u) + q, first_column + 4u * (x + i % 2u * 8u), sum[i][q]);
        }
    }
}
