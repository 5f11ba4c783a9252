// The *register* schedule of the matrix product that every convolution kernel is: no workgroup memory, each thread
// owns 2 x 2 blocks of 4 x 4 results. For adapters that run on a CPU, where a load costs as much as many
// multiply-adds and a barrier costs more.
//
//     result[row, column] = sum over outer, inner of rows[row, k] * columns[k, column]
//
// The kernel says what rows and columns are: enter_group, outers, INNERS, place_rows, place_columns, enter_outer,
// row_block, column_block, begin_stores, store.

// Blocks of four rows and of four columns that a thread loads at a time.
const ROW_BLOCKS = 2u;
const COLUMN_BLOCKS = 2u;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let tile = workgroup_index(workgroup, workgroups) * 64u + local;
    if tile >= GROUPS * ROW_TILES * COLUMN_TILES {
        return;
    }
    let first_row = tile % ROW_TILES * (4u * ROW_BLOCKS);
    let first_column = tile / ROW_TILES % COLUMN_TILES * (4u * COLUMN_BLOCKS);
    enter_group(tile / (ROW_TILES * COLUMN_TILES));
    place_rows(first_row);
    place_columns(first_column);

    var sum: array<mat4x4<f32>, ROW_BLOCKS * COLUMN_BLOCKS>;
    let outer_count = outers();
    for (var outer = 0u; outer < outer_count; outer++) {
        enter_outer(outer);
        for (var inner = 0u; inner < INNERS; inner++) {
            var columns: array<mat4x4<f32>, COLUMN_BLOCKS>;
            for (var j = 0u; j < COLUMN_BLOCKS; j++) {
                columns[j] = column_block(j, inner);
            }
            for (var i = 0u; i < ROW_BLOCKS; i++) {
                let rows = row_block(i, inner);
                for (var j = 0u; j < COLUMN_BLOCKS; j++) {
                    sum[i * COLUMN_BLOCKS + j] += columns[j] * rows;
                }
            }
        }
    }
    begin_stores();
    for (var i = 0u; i < ROW_BLOCKS; i++) {
        for (var j = 0u; j < COLUMN_BLOCKS; j++) {
            for (var q = 0u; q < 4u; q++) {
                store(first_row + 4u * i + q, first_column + 4u * j, sum[i * COLUMN_BLOCKS + j][q]);
            }
        }
    }
}
