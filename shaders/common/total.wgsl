// The sum of one value per thread over the 64 threads, in a fixed order; returned to every thread.
var<workgroup> terms: array<f32, 64>;

fn total(local: u32, value: f32) -> f32 {
    workgroupBarrier();
    terms[local] = value;
    for (var half = 32u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if local < half {
            terms[local] += terms[local + half];
        }
    }
    workgroupBarrier();
    return terms[0];
}
