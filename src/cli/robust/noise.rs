//! The kinds and levels of noise.

use clap::Args;

use crate::error::{Error, Result};
use crate::robust::corrupt::{Corruption, Noise};

/// The kinds and levels of noise.
#[derive(Debug, Args)]
pub struct NoiseArgs {
    /// Kinds of noise: gaussian, shot, speckle, impulse, occlusion [default: the first four]
    #[arg(long, value_name = "NOISE[,..]", value_delimiter = ',')]
    noise: Vec<String>,
    /// Levels of each kind of noise: usual, severities (the five of CIFAR-10-C), or numbers [default: usual]
    #[arg(long, value_name = "LEVEL[,..]", value_delimiter = ',')]
    levels: Vec<String>,
    /// Seed of the noise [default: 0]
    #[arg(long)]
    seed: Option<u64>,
}

/// The usual kinds of noise.
const USUAL: [Noise; 4] = [Noise::Gaussian, Noise::Shot, Noise::Speckle, Noise::Impulse];

impl NoiseArgs {
    /// Clean images (`None`), then every kind of noise at every level.
    ///
    /// # Errors
    /// [`Error::Argument`] for an unknown kind or level.
    pub fn corruptions(&self) -> Result<Vec<Option<Corruption>>> {
        let mut all = vec![None];
        let given = self.noise.iter().map(|name| name.parse()).collect::<Result<Vec<Noise>>>()?;
        for noise in if given.is_empty() { USUAL.to_vec() } else { given } {
            for level in self.levels(noise)? {
                all.push(Some(Corruption::new(noise, level)?));
            }
        }
        Ok(all)
    }

    /// The seed of the noise.
    pub fn seed(&self) -> u64 {
        self.seed.unwrap_or_default()
    }

    /// The first of the flags that is given, by name and value.
    pub fn first_given(&self) -> Option<(&'static str, String)> {
        let seed = self.seed.map_or(String::new(), |seed| seed.to_string());
        let given = [("noise", self.noise.join(",")), ("levels", self.levels.join(",")), ("seed", seed)];
        given.into_iter().find(|(_, text)| !text.is_empty())
    }

    fn levels(&self, noise: Noise) -> Result<Vec<f32>> {
        match &self.levels[..] {
            [] => Ok(noise.levels()),
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
