//! Which pixels the score of the most probable class depends on.

use super::VisualizeArgs;
use super::figures::{Attribution, Figures};
use super::subject::Subject;
use crate::cli::pictures::{Panel, PanelRow, Picture, panels};
use crate::error::Result;
use crate::interpret::upsampled;
use crate::models::{Model, Stage};
use crate::ops::scale;
use crate::visualize::{grad_cam, input_gradient, integrated_gradients};

/// Image, Grad-CAM, input gradient and integrated gradients side by side.
pub(super) fn draw(subject: &Subject, options: &VisualizeArgs, figures: &mut Figures) -> Result<Picture> {
    let (model, class) = (subject.model(), subject.class);
    let (stage, steps) = (options.stage.unwrap_or(Stage::Layer4), options.steps.unwrap_or(32));
    let cam = grad_cam(model, stage, &subject.image, &[class])?;
    let gradient = input_gradient(model, &subject.image, &[class])?.to_vec()?;
    let integrated = integrated_gradients(model, &subject.image, &[class], steps)?;
    let [height, width, channels] = subject.size();
    let map = cam.to_vec()?.into_iter().map(f64::from).collect::<Vec<_>>();
    let map = upsampled(&map, [cam.shape()[1], cam.shape()[2]], [height, width]);
    let most = map.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let heat = map.into_iter().map(|value| (value / most) as f32).collect::<Vec<_>>();
    let largest = gradient.chunks_exact(channels).map(|p| p.iter().fold(0.0_f32, |most, g| most.max(g.abs())));
    let sums = integrated.chunks_exact(channels).map(|pixel| pixel.iter().sum::<f32>()).collect::<Vec<_>>();
    let row = vec![
        Panel::image(&subject.pixels, subject.size(), vec![subject.class_name(class)]),
        Panel::heated(&subject.pixels, subject.size(), &heat, vec!["Grad-CAM".into(), stage.to_string()]),
        Panel::map(&largest.collect::<Vec<_>>(), [height, width], vec!["|gradient|".into()]),
        Panel::signed(&sums, [height, width, 1], vec!["integrated".into(), "gradients".into()]),
    ];
    let score = |image: &_| Ok::<_, crate::error::Error>(f64::from(model.predict(image)?.to_vec()?[class as usize]));
    let gained = score(&subject.image)? - score(&scale(&subject.image, 0.0)?)?;
    let total = sums.iter().copied().map(f64::from).sum::<f64>();
    let class = subject.class_name(class);
    let title = format!("what the score of {class} depends on");
    figures.attribution = Some(Attribution { class, stage: stage.to_string(), steps, gained, integrated: total });
    Ok(panels(&subject.title("Attribution"), &[PanelRow { title, panels: row }]))
}
