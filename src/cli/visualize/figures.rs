//! The figures beside the pictures.

use serde::Serialize;

use super::subject::Subject;
use crate::error::Result;
use crate::layers::{Csc, Measures, sparse_layers};
use crate::visualize::{Coded, Syntheses};

/// What is known in figures of a network and an image.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    pub weights: String,
    pub image: String,
    /// The true class, where it is known.
    pub class: Option<String>,
    pub predicted: String,
    pub layers: Vec<LayerFigures>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lambda: Vec<Reconstruction>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<Noisy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribution: Option<Attribution>,
}

/// A sparse coding layer.
#[derive(Debug, Serialize)]
pub(super) struct LayerFigures {
    pub layer: String,
    /// Height, width and atoms of its codes.
    pub codes: [usize; 3],
    /// Share of the codes that are not zero.
    pub active: f64,
    /// `|x - A z|^2 / |x|^2` of its input.
    pub residual: f64,
    /// What keeps its codes from being turned into pixels by syntheses.
    pub obstacle: Option<&'static str>,
    /// PSNR in decibels of the image by syntheses, by syntheses fitted in contrast, and by gradient descent.
    pub psnr_by_synthesis: Option<f64>,
    pub psnr_by_fitted_synthesis: Option<f64>,
    pub psnr_by_descent: Option<f64>,
}

/// The first layer's `A z` at another lambda, fitted in contrast.
#[derive(Debug, Serialize)]
pub(super) struct Reconstruction {
    /// Times the layer's own lambda.
    pub factor: f32,
    pub active: f64,
    /// PSNR in decibels against the clean image.
    pub psnr: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct Noisy {
    pub noise: String,
    pub level: f32,
    /// PSNR of the noisy image.
    pub psnr: f64,
    pub reconstructions: Vec<Reconstruction>,
}

#[derive(Debug, Serialize)]
pub(super) struct Attribution {
    pub class: String,
    pub stage: String,
    pub steps: usize,
    /// The score of the image less that of the image 0, and the sum of the integrated gradients, which nears it.
    pub gained: f64,
    pub integrated: f64,
}

impl Figures {
    pub(super) fn of(subject: &Subject) -> Result<Self> {
        let syntheses = Syntheses::new(subject.model())?;
        let layers = sparse_layers(subject.model()).into_iter();
        let layers = layers.zip(&subject.layers).enumerate().map(|(place, ((_, csc), coded))| {
            LayerFigures::of(csc, coded).map(|of| LayerFigures { obstacle: syntheses.obstacle(place), ..of })
        });
        Ok(Self {
            weights: subject.weights.clone(),
            image: subject.name.clone(),
            class: subject.truth.clone(),
            predicted: subject.class_name(subject.class),
            layers: layers.collect::<Result<_>>()?,
            lambda: Vec::new(),
            noise: None,
            attribution: None,
        })
    }

    /// The figures as lines of text, with or without those of each layer.
    pub(super) fn text(&self, of_layers: bool) -> String {
        let truth = self.class.as_ref().map_or(String::new(), |truth| format!(" ({truth})"));
        let mut lines = vec![format!("{}{}, taken for {}", self.image, truth, self.predicted)];
        let layers = if of_layers { &self.layers[..] } else { &[] };
        if !layers.is_empty() {
            let [name, codes] = ["layer", "codes"];
            lines.push(format!("{name:<26} {codes:>12}  active  residual  by synthesis       fitted  by descent"));
        }
        let ratio = |value: Option<f64>| value.map_or("-".into(), |value| decibels(value, 2));
        for layer in layers {
            let [height, width, atoms] = layer.codes;
            lines.push(format!(
                "{:<26} {:>12} {:>5.1} % {:>7.1} % {:>13} {:>12} {:>11}",
                layer.layer,
                format!("{height}x{width}x{atoms}"),
                100.0 * layer.active,
                100.0 * layer.residual,
                ratio(layer.psnr_by_synthesis),
                ratio(layer.psnr_by_fitted_synthesis),
                ratio(layer.psnr_by_descent),
            ));
        }
        let strip = |of: &Reconstruction| {
            format!("  lambda x {}: {}, {:.1} % active", of.factor, decibels(of.psnr, 2), 100.0 * of.active)
        };
        if !self.lambda.is_empty() {
            lines.push("the first layer's A z, fitted in contrast, against the image:".into());
            lines.extend(self.lambda.iter().map(strip));
        }
        if let Some(Noisy { noise, level, psnr, reconstructions }) = &self.noise {
            lines.push(format!(
                "{noise} noise of level {level}: {}; A z of the noisy image, fitted to it, against the clean one:",
                decibels(*psnr, 2)
            ));
            lines.extend(reconstructions.iter().map(strip));
        }
        if let Some(Attribution { class, steps, gained, integrated, .. }) = &self.attribution {
            lines.push(format!(
                "the score of {class} is {gained:.4} above that of an empty image; integrated gradients of {steps} steps sum to \
                 {integrated:.4}"
            ));
        }
        lines.join("\n")
    }
}

/// A peak signal-to-noise ratio as text; equal pictures have none, which JSON gives as null.
pub(super) fn decibels(ratio: f64, digits: usize) -> String {
    if ratio.is_finite() { format!("{ratio:.digits$} dB") } else { "equal".into() }
}

impl LayerFigures {
    fn of(csc: &Csc, coded: &Coded) -> Result<Self> {
        let (measures, _) = Measures::take(csc, &coded.input, &coded.codes)?;
        let of = |tensor: &crate::tensor::Tensor| Ok::<_, crate::error::Error>(f64::from(tensor.to_vec()?[0]));
        let shape = coded.codes.shape();
        let signal = of(&measures.signal)?;
        Ok(Self {
            layer: coded.layer.clone(),
            codes: [shape[1], shape[2], shape[3]],
            active: of(&measures.active)? / measures.code_size as f64,
            residual: if signal > 0.0 { of(&measures.residual)? / signal } else { 0.0 },
            obstacle: None,
            psnr_by_synthesis: None,
            psnr_by_fitted_synthesis: None,
            psnr_by_descent: None,
        })
    }
}
