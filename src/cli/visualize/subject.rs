//! The network and the image that it is looked at with.

use super::VisualizeArgs;
use crate::checks::check_finite;
use crate::cli::args::OneImage;
use crate::data::{Dataset, Normalization, Split};
use crate::error::{Error, Result};
use crate::layers::{Csc, sparse_layers};
use crate::models::{Model, Network, best_class};
use crate::robust::Adapted;
use crate::tensor::Tensor;
use crate::visualize::{Coded, coded};

/// A network, one image, and what its sparse coding layers make of it.
pub(super) struct Subject {
    pub network: Adapted<Network>,
    pub weights: String,
    /// The image alone.
    pub data: Dataset,
    /// What it is called, and its class, where that is known.
    pub name: String,
    pub truth: Option<String>,
    pub normalization: Normalization,
    /// The image, `[1, height, width, channels]`, normalised.
    pub image: Tensor,
    /// Its bytes.
    pub pixels: Vec<u8>,
    /// The most probable class.
    pub class: u32,
    pub layers: Vec<Coded>,
}

impl Subject {
    /// # Errors
    /// Those of reading the network, the data and the image.
    pub(super) fn load(options: &VisualizeArgs) -> Result<Self> {
        let input = &options.input;
        let gpu = input.adapter.open()?;
        let (network, recipe) = input.weights.load(&gpu)?;
        let test = input.data.load_for(Split::Test, &recipe)?;
        let normalization = input.data.normalization(&test, recipe.normalization.clone())?;
        let OneImage { name, image: data, label } =
            OneImage::of(options.image.as_ref(), options.index.unwrap_or(0), input, &recipe, &test)?;
        let pixels = data.image(0)?.into_owned();
        let image =
            Tensor::from_slice(&gpu, &[1, data.height, data.width, data.channels], &normalization.apply(&pixels))?;
        let scores = network.model().predict(&image)?.to_vec()?;
        check_finite("the scores", &scores, "the weights are damaged, or their step size is too large")?;
        let best = best_class(&scores);
        Ok(Self {
            layers: coded(network.model(), &image)?,
            weights: input.weights.path.display().to_string(),
            class: best as u32,
            truth: label.map(|label| recipe.class_name(label)),
            name,
            network,
            data,
            normalization,
            image,
            pixels,
        })
    }

    pub(super) fn model(&self) -> &Network {
        self.network.model()
    }

    /// Height, width and channels of the image.
    pub(super) fn size(&self) -> [usize; 3] {
        [self.data.height, self.data.width, self.data.channels]
    }

    /// The line above a picture.
    pub(super) fn title(&self, what: &str) -> String {
        let truth = self.truth.as_ref().map_or(String::new(), |truth| format!(", {truth}"));
        format!("{what}: {}{truth}, by {}", self.name, self.model().name())
    }

    pub(super) fn class_name(&self, class: u32) -> String {
        self.data.class_names.get(class as usize).cloned().unwrap_or_else(|| class.to_string())
    }

    /// The first sparse coding layer that codes the image, with its name.
    ///
    /// # Errors
    /// [`Error::Argument`] without one.
    pub(super) fn first_layer(&self) -> Result<(&str, &Csc)> {
        let none = || Error::argument("weights", &self.weights, "the network has no sparse coding layers");
        let name = &self.layers.first().ok_or_else(none)?.layer;
        let (_, csc) = sparse_layers(self.model()).into_iter().find(|(found, _)| found == name).ok_or_else(none)?;
        Ok((name, csc))
    }
}

/// The peak signal-to-noise ratio of bytes in decibels, `10 log10(255^2 / mean (a - b)^2)`; infinite for equal ones.
pub(super) fn psnr(a: &[u8], b: &[u8]) -> f64 {
    let square = |(a, b): (&u8, &u8)| (f64::from(*a) - f64::from(*b)).powi(2);
    let mean = a.iter().zip(b).map(square).sum::<f64>() / a.len().max(1) as f64;
    10.0 * (255.0_f64.powi(2) / mean).log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn psnr_is_that_of_bytes() {
        assert_eq!(psnr(&[1, 2], &[1, 2]), f64::INFINITY);
        assert!((psnr(&[0, 255], &[255, 0]) - 0.0).abs() < 1e-12);
        assert!((psnr(&[100, 100], &[110, 90]) - 20.0 * 25.5_f64.log10()).abs() < 1e-12);
    }
}
