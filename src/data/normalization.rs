//! From bytes to normalised numbers.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Normalises the pixels of channel c: x = (pixel / 255 - mean_c) / std_c.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalization {
    /// The mean to subtract, one per channel, in units of a full-scale pixel.
    pub mean: Vec<f32>,
    /// The positive deviation to divide by, one per channel, same units.
    pub std: Vec<f32>,
}

impl Normalization {
    /// The usual normalisation of a data set by name, for images of `channels` channels.
    ///
    /// | name | mean | std |
    /// |---|---|---|
    /// | `fashion-mnist`, `fashion-mnist-small` | 0 | 0.3530 |
    /// | `cifar10` | 0.4914, 0.4822, 0.4465 | 0.2023, 0.1994, 0.2010 |
    /// | `cifar100` | 0.5071, 0.4867, 0.4408 | 0.2675, 0.2565, 0.2761 |
    /// | anything else | 0 | 0.25 |
    ///
    /// 0.3530 is the deviation of all Fashion-MNIST pixels; their mean is not subtracted, so that the empty background
    /// is 0 and has an empty code. The CIFAR rows hold for 3 channels only.
    pub fn default_for(name: &str, channels: usize) -> Self {
        let of = |mean: [f32; 3], std: [f32; 3]| Self { mean: mean.to_vec(), std: std.to_vec() };
        let scaled = |std| Self { mean: vec![0.0; channels], std: vec![std; channels] };
        match (name, channels) {
            ("fashion-mnist" | "fashion-mnist-small", _) => scaled(0.3530),
            ("cifar10", 3) => of([0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010]),
            ("cifar100", 3) => of([0.5071, 0.4867, 0.4408], [0.2675, 0.2565, 0.2761]),
            _ => scaled(0.25),
        }
    }

    /// Checks for one finite mean and one finite positive deviation for each of `channels` channels.
    ///
    /// # Errors
    /// [`Error::Argument`] naming `mean` or `std`.
    pub fn check(&self, channels: usize) -> Result<()> {
        if self.mean.len() != channels || self.mean.iter().any(|m| !m.is_finite()) {
            let reason = format!("must be one finite number for each of {channels} channels");
            return Err(Error::argument("mean", format!("{:?}", self.mean), reason));
        }
        if self.std.len() != channels || self.std.iter().any(|s| !s.is_finite() || *s <= 0.0) {
            let reason = format!("must be one finite positive number for each of {channels} channels");
            return Err(Error::argument("std", format!("{:?}", self.std), reason));
        }
        Ok(())
    }

    /// Pixels in the order `[.., channels]`, normalised.
    pub fn apply(&self, pixels: &[u8]) -> Vec<f32> {
        let tables = self.tables();
        pixels.iter().enumerate().map(|(i, &pixel)| tables[i % tables.len()][usize::from(pixel)]).collect()
    }

    /// What [`Normalization::apply`] was made of: `255 (x std + mean)`, rounded and clipped to bytes.
    pub fn undo(&self, values: &[f32]) -> Vec<u8> {
        let (mean, std) = (self.mean.iter().cycle(), self.std.iter().cycle());
        let byte =
            |((value, mean), std): ((&f32, &f32), &f32)| (255.0 * (value * std + mean)).round().clamp(0.0, 255.0);
        values.iter().zip(mean).zip(std).map(|all| byte(all) as u8).collect()
    }

    /// For every channel, the results for all 256 pixel values.
    pub(super) fn tables(&self) -> Vec<[f32; 256]> {
        let table = |(mean, std): (&f32, &f32)| std::array::from_fn(|pixel| (pixel as f32 / 255.0 - mean) / std);
        self.mean.iter().zip(&self.std).map(table).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid() {
        for (name, channels) in [("fashion-mnist", 1), ("cifar10", 3), ("cifar100", 3), ("cifar10", 1), ("a/b", 3)] {
            Normalization::default_for(name, channels).check(channels).unwrap();
        }
        let tables = Normalization::default_for("fashion-mnist", 1).tables();
        assert_eq!(tables[0][0], 0.0);
        assert_eq!(tables[0][255], 1.0 / 0.3530);
        let tables = Normalization::default_for("cifar10", 3).tables();
        assert_eq!(tables[2][51], (0.2 - 0.4465) / 0.2010);
    }

    #[test]
    fn every_byte_comes_back_and_what_lies_outside_is_clipped() {
        let normalization = Normalization::default_for("cifar10", 3);
        let all = (0..=255).flat_map(|byte| [byte; 3]).collect::<Vec<u8>>();
        assert_eq!(normalization.undo(&normalization.apply(&all)), all);
        assert_eq!(normalization.undo(&[-9.0, 9.0, f32::NAN]), [0, 255, 0]);
    }

    #[test]
    fn wrong_numbers_are_refused() {
        let check = |mean: &[f32], std: &[f32]| Normalization { mean: mean.into(), std: std.into() }.check(1);
        check(&[0.5], &[0.1]).unwrap();
        for (mean, std) in [(&[][..], &[1.0][..]), (&[f32::NAN], &[1.0]), (&[0.0], &[0.0]), (&[0.0], &[1.0, 1.0])] {
            assert!(matches!(check(mean, std), Err(Error::Argument { .. })), "{mean:?} {std:?}");
        }
    }

    #[test]
    fn json_round_trip() {
        let n = Normalization::default_for("cifar100", 3);
        let json = serde_json::to_string(&n).unwrap();
        assert_eq!(serde_json::from_str::<Normalization>(&json).unwrap(), n);
    }
}
