// loss = mean loss, metrics = (mean loss, samples with the best class right, samples with the label among the best TOP), from the samples of
// cross_entropy. One workgroup.

override SAMPLES: u32;

@group(0) @binding(0) var<storage, read> sample: array<f32>;
@group(0) @binding(1) var<storage, read_write> loss: array<f32>;
@group(0) @binding(2) var<storage, read_write> metrics: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    var sums = vec3(0.0);
    for (var i = local; i < SAMPLES; i += 64u) {
        sums += vec3(sample[3u * i], sample[3u * i + 1u], sample[3u * i + 2u]);
    }
    let lost = total(local, sums.x) / f32(SAMPLES);
    let best = total(local, sums.y);
    let among = total(local, sums.z);
    if local == 0u {
        loss[0] = lost;
        metrics[0] = lost;
        metrics[1] = best;
        metrics[2] = among;
    }
}
