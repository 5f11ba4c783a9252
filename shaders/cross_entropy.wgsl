// Softmax cross-entropy of each sample to its target, the gradient of the mean over samples, and whether the label is
// the best class, and among the best TOP (of equal scores, the lower class ranks higher):
//     wanted[n, c] = (1 - smoothing) (weight [c = first] + (1 - weight) [c = second]) + smoothing / CLASSES
//     sample[n] = (-sum over c of wanted[n, c] log softmax(logits[n])[c], best, among the best TOP)
//     gradient[n, c] = (softmax(logits[n])[c] - wanted[n, c]) / N
// targets[n] = (first, second, weight); the label is the one of the greater weight, the first of equal ones. LENGTH is the
// number of samples N.

override CLASSES: u32;
override TOP: u32;

struct Numbers {
    smoothing: f32,
}

@group(1) @binding(0) var<uniform> numbers: Numbers;
@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> targets: array<f32>;
@group(0) @binding(2) var<storage, read_write> sample: array<f32>;
@group(0) @binding(3) var<storage, read_write> gradient: array<f32>;

fn each(i: u32) {
    let first = u32(targets[3u * i]);
    let second = u32(targets[3u * i + 1u]);
    let weight = targets[3u * i + 2u];
    let label = select(second, first, weight >= 0.5);
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
    var lost = log(total);
    for (var c = 0u; c < CLASSES; c++) {
        let score = logits[i * CLASSES + c];
        let mixed = weight * f32(c == first) + (1.0 - weight) * f32(c == second);
        let wanted = (1.0 - numbers.smoothing) * mixed + numbers.smoothing / f32(CLASSES);
        gradient[i * CLASSES + c] = (exp(score - top) / total - wanted) / f32(LENGTH);
        lost += wanted * (top - score);
    }
    sample[3u * i] = lost;
    sample[3u * i + 1u] = f32(rank == 0u);
    sample[3u * i + 2u] = f32(rank < TOP);
}
