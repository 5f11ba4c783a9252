// The patches of a signal that its codes see, one after the other; zero outside of the signal:
//     out[n, y, x, (ky KERNEL + kx) CHANNELS + m] = signal[n, y s + ky - p, x s + kx - p, m]
// One invocation copies what a code sees of one line of the signal. LENGTH is the number of such lines: KERNEL a code.

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
        let code = i / KERNEL;
        let y = i32(code / CODE_WIDTH % CODE_HEIGHT * STRIDE + i % KERNEL) - i32(PADDING);
        let x = i32(code % CODE_WIDTH * STRIDE) - i32(PADDING);
        let line = i32(code / (CODE_WIDTH * CODE_HEIGHT) * HEIGHT) + y;
        let begin = (line * i32(WIDTH) + x) * i32(CHANNELS);
        for (var j = 0u; j < KERNEL * CHANNELS; j++) {
            let inside = u32(y) < HEIGHT && u32(x + i32(j / CHANNELS)) < WIDTH;
            out[i * (KERNEL * CHANNELS) + j] = select(0.0, signal[select(0, begin + i32(j), inside)], inside);
        }
    }
}
