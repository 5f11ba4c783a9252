// The sum of |a|^POWER over each sample, POWER being 0 (counts what is not zero), 1 or 2, in PARTS parts that sum_groups
// adds up:
//     part[p, sample] over the p-th part of a[sample, SAMPLE]. A workgroup a part.

override SAMPLES: u32;
override SAMPLE: u32;
override PARTS: u32;
override POWER: u32;

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read_write> part: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = workgroup_index(workgroup, workgroups);
    if index >= SAMPLES * PARTS {
        return;
    }
    let sample = index % SAMPLES;
    var sum = 0.0;
    for (var i = index / SAMPLES * 64u + local; i < SAMPLE; i += 64u * PARTS) {
        let value = a[sample * SAMPLE + i];
        let size = abs(value);
        sum += select(select(size, size * size, POWER == 2u), f32(value != 0.0), POWER == 0u);
    }
    let all = total(local, sum);
    if local == 0u {
        part[index] = all;
    }
}
