// The patches of a signal that its codes see, one after the other; zero outside of the signal:
//     out[n, y, x, (ky KERNEL + kx) CHANNELS + m] = signal[n, y s + ky - p, x s + kx - p, m]
// LENGTH is the number of values in out.

override LENGTH: u32;

@group(0) @binding(0) var<storage, read> signal: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = workgroup_index(workgroup, workgroups) * 64u + local;
    if i < LENGTH {
        let tap = i / CHANNELS % (KERNEL * KERNEL);
        let pixel = i / (CHANNELS * KERNEL * KERNEL);
        let y = i32(pixel / CODE_WIDTH % CODE_HEIGHT * STRIDE + tap / KERNEL) - i32(PADDING);
        let x = i32(pixel % CODE_WIDTH * STRIDE + tap % KERNEL) - i32(PADDING);
        let inside = u32(y) < HEIGHT && u32(x) < WIDTH;
        let line = i32(pixel / (CODE_WIDTH * CODE_HEIGHT) * HEIGHT) + y;
        let at = select(0u, u32(line * i32(WIDTH) + x) * CHANNELS + i % CHANNELS, inside);
        out[i] = select(0.0, signal[at], inside);
    }
}
