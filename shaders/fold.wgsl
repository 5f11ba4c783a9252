// The adjoint of unfold: every pixel of the signal sums up its places in the patches that contain it,
//     sum[n, y, x, m] = sum over taps and codes with i s + ky - p = y, j s + kx - p = x
//                       of patches[n, i, j, (ky KERNEL + kx) CHANNELS + m]
// and out = other[0] * sum, or other - sum if RESIDUAL. LENGTH is the number of values in out.

override LENGTH: u32;
override RESIDUAL: bool;

@group(0) @binding(0) var<storage, read> patches: array<f32>;
@group(0) @binding(1) var<storage, read> other: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = workgroup_index(workgroup, workgroups) * 64u + local;
    if i < LENGTH {
        let pixel = i / CHANNELS;
        let x = pixel % WIDTH + PADDING;
        let y = pixel / WIDTH % HEIGHT + PADDING;
        let image = pixel / (WIDTH * HEIGHT);
        var sum = 0.0;
        for (var ky = y % STRIDE; ky < KERNEL; ky += STRIDE) {
            for (var kx = x % STRIDE; kx < KERNEL; kx += STRIDE) {
                let row = (y - ky) / STRIDE;
                let column = (x - kx) / STRIDE;
                if y >= ky && x >= kx && row < CODE_HEIGHT && column < CODE_WIDTH {
                    let code = (image * CODE_HEIGHT + row) * CODE_WIDTH + column;
                    sum += patches[(code * (KERNEL * KERNEL) + ky * KERNEL + kx) * CHANNELS + i % CHANNELS];
                }
            }
        }
        if RESIDUAL {
            out[i] = other[i] - sum;
        } else {
            out[i] = other[0] * sum;
        }
    }
}
