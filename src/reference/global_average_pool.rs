//! The mean over all pixels.

/// `result[n,c] = mean over pixels of x[n,pixel,c]`.
///
/// Shapes: `x` is `[n, height, width, channels]`, the result `[n, channels]`. Source: network in network,
/// arXiv 1312.4400, section 3.2.
pub fn global_average_pool(x: &[f64], n: usize, channels: usize) -> Vec<f64> {
    debug_assert_eq!(x.len() % (n * channels), 0);
    let pixels = x.len() / (n * channels);
    let mut result = vec![0.0; n * channels];
    for (i, value) in x.iter().enumerate() {
        let (sample, channel) = (i / (pixels * channels), i % channels);
        result[sample * channels + channel] += value / pixels as f64;
    }
    result
}

/// The gradient of [`global_average_pool`]: every pixel gets `g[n,c] / pixels`.
///
/// Shapes: `g` is `[n, channels]`, the result `[n, height, width, channels]` with `pixels = height * width`. Source:
/// arXiv 1312.4400, section 3.2, differentiated.
pub fn global_average_pool_gradient(g: &[f64], channels: usize, pixels: usize) -> Vec<f64> {
    debug_assert_eq!(g.len() % channels, 0);
    let mut result = Vec::with_capacity(g.len() * pixels);
    for sample in g.chunks_exact(channels) {
        for _ in 0..pixels {
            result.extend(sample.iter().map(|g| g / pixels as f64));
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, central_difference, dot, sequence::sequence};

    #[test]
    fn every_sample_and_channel_has_its_own_mean() {
        let x = [1.0, 10.0, 3.0, 30.0, 5.0, 50.0, 7.0, 70.0];
        assert_eq!(global_average_pool(&x, 2, 2), [2.0, 20.0, 6.0, 60.0]);
    }

    #[test]
    fn the_gradient_matches_central_differences() {
        let (x, g) = (sequence(2 * 15 * 3, 1, 1.0), sequence(6, 2, 1.0));
        let numeric = central_difference(|x| dot(&global_average_pool(x, 2, 3), &g), &x, 1e-3);
        assert_close(&global_average_pool_gradient(&g, 3, 15), &numeric, 1e-9);
    }
}
