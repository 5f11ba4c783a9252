// Softmax cross-entropy of each sample, the gradient of the mean over samples, and whether the label is
// the best class, and among the best TOP (of equal scores, the lower class ranks higher):
//     sample[n] = (-log softmax(logits[n])[label], best, among the best TOP)
//     gradient[n, c] = (softmax(logits[n])[c] - [c = label]) / N
// LENGTH is the number of samples N.

override CLASSES: u32;
override TOP: u32;

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<f32>;
@group(0) @binding(2) var<storage, read_write> sample: array<f32>;
@group(0) @binding(3) var<storage, read_write> gradient: array<f32>;

fn each(i: u32) {
    let label = u32(labels[i]);
    let own = logits[i * CLASSES + label];
    var top = own;
    var rank = 0u;
    for (var c = 0u; c < CLASSES; c++) {
        let score = logits[i * CLASSES + c];
        top = max(top, score);
        rank += u32(score > own || (score == own && c < label));
    }
    var total = 0.0;
    for (var c = 0u; c < CLASSES; c++) {
        total += exp(logits[i * CLASSES + c] - top);
    }
    for (var c = 0u; c < CLASSES; c++) {
        let probability = exp(logits[i * CLASSES + c] - top) / total;
        gradient[i * CLASSES + c] = (probability - f32(c == label)) / f32(LENGTH);
    }
    sample[3u * i] = log(total) + top - own;
    sample[3u * i + 1u] = f32(rank == 0u);
    sample[3u * i + 2u] = f32(rank < TOP);
}
