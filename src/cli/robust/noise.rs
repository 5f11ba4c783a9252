//! The kinds and levels of noise.

use clap::Args;

use crate::error::{Error, Result};
use crate::robust::corrupt::{Corruption, Noise};

/// The kinds and levels of noise.
#[derive(Debug, Args)]
pub struct NoiseArgs {
    /// Kinds of noise: gaussian, shot, speckle, impulse, occlusion
    #[arg(long, value_name = "NOISE[,..]", value_delimiter = ',', default_value = "gaussian,shot,speckle,impulse")]
    noise: Vec<String>,
    /// Levels of each kind of noise: usual, severities (the five of CIFAR-10-C), or numbers
    #[arg(
        long,
        value_name = "LEVEL[,..]",
        value_delimiter = ',',
        default_value = "usual",
        allow_negative_numbers = true
    )]
    levels: Vec<String>,
    /// Seed of the noise
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

impl NoiseArgs {
    /// Clean images (`None`), then every kind of noise at every level.
    ///
    /// # Errors
    /// [`Error::Argument`] for an unknown kind or level.
    pub fn corruptions(&self) -> Result<Vec<Option<Corruption>>> {
        let mut all = vec![None];
        for name in &self.noise {
            let noise = name.parse()?;
            for level in self.levels(noise)? {
                all.push(Some(Corruption::new(noise, level)?));
            }
        }
        Ok(all)
    }

    fn levels(&self, noise: Noise) -> Result<Vec<f32>> {
        match &self.levels[..] {
            [one] if one == "usual" => Ok(noise.levels()),
            [one] if one == "severities" => Ok(noise.severities().to_vec()),
            numbers => {
                let number = |text: &String| {
                    text.parse().map_err(|_| Error::argument("levels", text, "usual, severities, or numbers"))
                };
                numbers.iter().map(number).collect()
            }
        }
    }
}
