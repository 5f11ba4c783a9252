// From the samples of cross_entropy, in one workgroup:
//     loss = mean loss
//     metrics = (mean loss, samples whose best class is right, samples with the label among the best TOP classes)

override SAMPLES: u32;

@group(0) @binding(0) var<storage, read> sample: array<f32>;
@group(0) @binding(1) var<storage, read_write> loss: array<f32>;
@group(0) @binding(2) var<storage, read_write> metrics: array<f32>;

fn each_group(group: u32, local: u32) {
    var sums = vec3(0.0);
    for (var i = local; i < SAMPLES; i += 64u) {
        sums += vec3(sample[3u * i], sample[3u * i + 1u], sample[3u * i + 2u]);
    }
    let lost = total(local, sums.x) / f32(SAMPLES);
    let best = total(local, sums.y);
    let among = total(local, sums.z);
    if local == 0u {
        loss[group] = lost;
        metrics[3u * group] = lost;
        metrics[3u * group + 1u] = best;
        metrics[3u * group + 2u] = among;
    }
}
