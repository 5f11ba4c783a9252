//! The kinds and levels of noise and other corruptions.

use clap::Args;

use crate::error::{Error, Result};
use crate::robust::corrupt::{Corruption, Kind};

/// The kinds and levels of noise.
#[derive(Debug, Args)]
pub struct NoiseArgs {
    /// Kinds of noise and other corruptions: gaussian, shot, speckle, impulse, occlusion, defocus-blur, glass-blur, motion-blur,
    /// zoom-blur, snow, frost, fog, brightness, contrast, elastic, pixelate, jpeg; or all, the fifteen of CIFAR-10-C at its five
    /// severities [default: the first four]
    #[arg(long, visible_alias = "corruptions", value_name = "KIND[,..]", value_delimiter = ',')]
    noise: Vec<String>,
    /// Levels of each kind: usual, severities (the five of CIFAR-10-C), or numbers [default: usual; with --noise all, severities]
    #[arg(long, value_name = "LEVEL[,..]", value_delimiter = ',')]
    levels: Vec<String>,
    /// Seed of the noise [default: 0]
    #[arg(long)]
    seed: Option<u64>,
}

/// The usual kinds of noise.
const USUAL: [Kind; 4] = [Kind::Gaussian, Kind::Shot, Kind::Speckle, Kind::Impulse];

impl NoiseArgs {
    /// Clean images (`None`), then every kind of noise at every level.
    ///
    /// # Errors
    /// [`Error::Argument`] for an unknown kind or level.
    pub fn corruptions(&self) -> Result<Vec<Option<Corruption>>> {
        let mut all = vec![None];
        for kind in self.kinds()? {
            for level in self.levels(kind)? {
                all.push(Some(Corruption::new(kind, level)?));
            }
        }
        Ok(all)
    }

    /// The kinds, each once.
    fn kinds(&self) -> Result<Vec<Kind>> {
        if self.is_all() {
            return Ok(Kind::BENCHMARK.to_vec());
        }
        let given = self.noise.iter().map(|name| name.parse()).collect::<Result<Vec<Kind>>>()?;
        if let Some(twice) = (1..given.len()).find(|place| given[..*place].contains(&given[*place])) {
            return Err(Error::argument("noise", given[twice], "is named twice"));
        }
        Ok(if given.is_empty() { USUAL.to_vec() } else { given })
    }

    /// Whether the whole benchmark is asked for.
    fn is_all(&self) -> bool {
        matches!(&self.noise[..], [all] if all == "all")
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

    fn levels(&self, noise: Kind) -> Result<Vec<f32>> {
        match &self.levels[..] {
            [] if self.is_all() => Ok(noise.severities().to_vec()),
            [] => Ok(noise.levels()),
            [one] if one == "usual" => Ok(noise.levels()),
            [one] if one == "severities" => Ok(noise.severities().to_vec()),
            numbers => {
                let mut levels = Vec::<f32>::new();
                for text in numbers {
                    let refuse = |reason: &str| Error::argument("levels", text, reason);
                    match text.parse().map_err(|_| refuse("is no number; usual and severities stand alone"))? {
                        0.0 => return Err(refuse("leave it out: clean images are always taken as well")),
                        level if levels.contains(&level) => return Err(refuse("is named twice")),
                        level => levels.push(level),
                    }
                }
                Ok(levels)
            }
        }
    }
}
