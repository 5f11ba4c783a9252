// out[i] = sum over g of part[g, i], in the order of g

override GROUPS: u32;

@group(0) @binding(0) var<storage, read> part: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

fn each(i: u32) {
    var sum = 0.0;
    for (var g = 0u; g < GROUPS; g++) {
        sum += part[g * LENGTH + i];
    }
    out[i] = sum;
}
