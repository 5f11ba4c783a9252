//! Random streams that depend only on their key, so that interrupted training continues exactly as before.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The purpose of a stream.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    /// The order of an epoch.
    Order = 1,
    /// The augmentation of a sample.
    Augment = 2,
    /// The corruption of a sample.
    #[cfg(feature = "train")]
    Corrupt = 3,
    /// An attack on a sample.
    #[cfg(feature = "train")]
    Attack = 4,
    /// The erased rectangle of a sample.
    #[cfg(feature = "train")]
    Erase = 5,
    /// The mixing of a batch.
    #[cfg(feature = "train")]
    Mix = 6,
    /// What an interpretation draws.
    #[cfg(feature = "train")]
    Interpret = 7,
    /// The image that a descent starts from.
    #[cfg(feature = "train")]
    Start = 8,
    /// The noise on a training image.
    #[cfg(feature = "train")]
    Noise = 9,
}

/// The stream of `purpose` for (`seed`, `part`, `index`), the part being an epoch, a kind of noise or a restart.
pub(crate) fn stream(purpose: Purpose, seed: u64, part: u64, index: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    for (bytes, part) in key.chunks_exact_mut(8).zip([seed, part, index, purpose as u64]) {
        bytes.copy_from_slice(&part.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}
