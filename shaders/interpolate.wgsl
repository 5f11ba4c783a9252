// Rows of a table at places between the points of its grid, linearly, one place a sample:
//     out[n, c] = (1 - f) rows[g, c] + f rows[g + 1, c]  where  at[n] = (1 - f) grid[g] + f grid[g + 1]
// Beyond its ends, the first or the last row. LENGTH is samples * COLUMNS.

override LENGTH: u32;
override POINTS: u32;
override COLUMNS: u32;

@group(0) @binding(0) var<storage, read> at: array<f32>;
@group(0) @binding(1) var<storage, read> grid: array<f32>;
@group(0) @binding(2) var<storage, read> rows: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = workgroup_index(workgroup, workgroups) * 64u + local;
    if i < LENGTH {
        let place = at[i / COLUMNS];
        var left = 0u;
        for (var g = 1u; g + 1u < POINTS; g++) {
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
}
