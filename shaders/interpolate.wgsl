// Linear interpolation between the rows of a table, at one place of its grid per sample:
//     out[n, c] = (1 - f) rows[g, c] + f rows[g + 1, c]  where  at[n] = (1 - f) grid[g] + f grid[g + 1]
// Beyond the ends of the grid, the first or last row. LENGTH is samples * COLUMNS.

override POINTS: u32;
override COLUMNS: u32;

@group(0) @binding(0) var<storage, read> at: array<f32>;
@group(0) @binding(1) var<storage, read> grid: array<f32>;
@group(0) @binding(2) var<storage, read> rows: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

fn each(i: u32) {
    let place = at[i / COLUMNS];
    var left = 0u;
    // At the last point left is right, so that the row is exact for every form of mix that WGSL allows.
    for (var g = 1u; g < POINTS; g++) {
        if grid[g] <= place {
            left = g;
        }
    }
    let right = min(left + 1u, POINTS - 1u);
    var f = 0.0;
    if right > left {
        f = clamp((place - grid[left]) / (grid[right] - grid[left]), 0.0, 1.0);
    }
    out[i] = mix(rows[left * COLUMNS + i % COLUMNS], rows[right * COLUMNS + i % COLUMNS], f);
}
