// The sum of |a|^POWER over each sample, with POWER 0 (counts nonzero values), 1 or 2, in PARTS parts, which sum_groups
// adds up: part[p, sample] over the p-th part of a[sample, SAMPLE]. One workgroup per part.

override SAMPLES: u32;
override SAMPLE: u32;
override PARTS: u32;
override POWER: u32;

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read_write> part: array<f32>;

fn each_group(group: u32, local: u32) {
    let sample = group % SAMPLES;
    var sum = 0.0;
    for (var i = group / SAMPLES * 64u + local; i < SAMPLE; i += 64u * PARTS) {
        let value = a[sample * SAMPLE + i];
        let size = abs(value);
        sum += select(select(size, size * size, POWER == 2u), f32(value != 0.0), POWER == 0u);
    }
    let all = total(local, sum);
    if local == 0u {
        part[group] = all;
    }
}
