// Correlations of atoms with each other, less the identity at one lag:
//     out[a, lag, b] = correlations[a, lag, b] - (1 where a = b and lag = CENTER, else 0)

override ATOMS: u32;
override LAGS: u32;
override CENTER: u32;

@group(0) @binding(0) var<storage, read> correlations: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

fn each(i: u32) {
    let lag = i / ATOMS % LAGS;
    let same = i % ATOMS == i / (ATOMS * LAGS);
    out[i] = correlations[i] - select(0.0, 1.0, same && lag == CENTER);
}
