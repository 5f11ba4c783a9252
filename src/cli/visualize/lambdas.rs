//! What the first layer makes of clean and of noisy images at other lambdas.

use super::figures::{Figures, Noisy, Reconstruction, decibels};
use super::subject::{Subject, psnr};
use crate::cli::pictures::{Panel, PanelRow, Picture, panels};
use crate::error::Result;
use crate::ops::count_active;
use crate::robust::corrupt::Corruption;
use crate::tape::Tape;
use crate::tensor::Tensor;
use crate::visualize::{fitting_factor, reconstruction};

/// Multiples of the layer's own lambda.
const STRIP: [f32; 6] = [0.0, 0.5, 1.0, 2.0, 4.0, 8.0];
const OF_NOISY: [f32; 3] = [1.0, 2.0, 4.0];

/// The image, and the first layer's `A z` at six lambdas.
pub(super) fn strip(subject: &Subject, figures: &mut Figures) -> Result<Picture> {
    let (layer, _) = subject.first_layer()?;
    let title = format!("A z of {layer}, fitted in contrast");
    let (mut row, found) = reconstructions(subject, &subject.image, &STRIP)?;
    row.insert(0, Panel::image(&subject.pixels, subject.size(), vec!["the image".into()]));
    figures.lambda = found;
    Ok(panels(&subject.title("Lambda"), &[PanelRow { title, panels: row }]))
}

/// The clean image, the noisy one, and what the first layer makes of that at three lambdas.
pub(super) fn noise(subject: &Subject, corruption: Corruption, seed: u64, figures: &mut Figures) -> Result<Picture> {
    let noisy = corruption.image(&subject.data, 0, seed)?;
    let values = subject.normalization.apply(&noisy);
    let image = Tensor::from_slice(subject.image.gpu(), subject.image.shape(), &values)?;
    let (panels_of, found) = reconstructions(subject, &image, &OF_NOISY)?;
    let ratio = psnr(&subject.pixels, &noisy);
    let mut row = vec![
        Panel::image(&subject.pixels, subject.size(), vec!["clean".into()]),
        Panel::image(&noisy, subject.size(), vec!["noisy".into(), decibels(ratio, 1)]),
    ];
    row.extend(panels_of);
    let (kind, level) = (corruption.kind().to_string(), corruption.level());
    let title = format!("{kind} noise of level {level}, and A z of {}, fitted in contrast", subject.first_layer()?.0);
    figures.noise = Some(Noisy { noise: kind, level, psnr: ratio, reconstructions: found });
    Ok(panels(&subject.title("Noise"), &[PanelRow { title, panels: row }]))
}

/// `A z` of an image at these multiples of lambda, multiplied by what fits it best to the image, against the clean image.
fn reconstructions(subject: &Subject, image: &Tensor, factors: &[f32]) -> Result<(Vec<Panel>, Vec<Reconstruction>)> {
    let (_, csc) = subject.first_layer()?;
    let tape = Tape::idle();
    let x = tape.constant(image);
    let values = image.to_vec()?;
    let mut all = (Vec::new(), Vec::new());
    for &factor in factors {
        let codes = csc.codes_at(&tape, &x, factor)?;
        let kept = reconstruction(csc, codes.value(), [subject.data.height, subject.data.width])?.to_vec()?;
        let factor_of_fit = fitting_factor(&kept, &values);
        let fitted = kept.iter().map(|value| value * factor_of_fit).collect::<Vec<_>>();
        let pixels = subject.normalization.undo(&fitted);
        let active = f64::from(count_active(codes.value())?.to_vec()?[0]) / codes.value().len() as f64;
        let ratio = psnr(&subject.pixels, &pixels);
        let lines = vec![format!("lambda x {factor}"), decibels(ratio, 1), format!("{:.1} % active", 100.0 * active)];
        all.0.push(Panel::image(&pixels, subject.size(), lines));
        all.1.push(Reconstruction { factor, active, psnr: ratio });
    }
    Ok(all)
}
