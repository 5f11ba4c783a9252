//! Images on their way to a model: filtered, repaired, measured.

use super::sweep::Run;
use super::{Classifier, CleanImages, Filter, Measure, impulses};
use crate::error::{Error, Result};
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;

/// What has been done to images.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Stage {
    filter: Option<Filter>,
    clean: Option<CleanImages>,
    /// Repaired by what the model knows of clean images.
    repaired: bool,
}

impl Stage {
    /// What is done before a run.
    pub(super) fn of(run: &Run) -> Self {
        Self { filter: run.filter, clean: run.repair, repaired: run.rule.repairs() }
    }
}

/// A batch of images, filtered, repaired and measured as often as it must be, but not more.
pub(super) struct Seen<'a> {
    model: &'a dyn Classifier,
    images: Vec<(Stage, Var)>,
    measured: Vec<(Stage, Measure, Vec<f64>)>,
}

impl<'a> Seen<'a> {
    pub(super) fn new(model: &'a dyn Classifier, x: Tensor) -> Self {
        let images = vec![(Stage::default(), Tape::idle().constant(&x))];
        Self { model, images, measured: Vec::new() }
    }

    /// The images at a stage.
    pub(super) fn images(&mut self, stage: Stage) -> Result<Var> {
        if let Some((_, known)) = self.images.iter().find(|(at, _)| *at == stage) {
            return Ok(known.clone());
        }
        // The last thing to be done is done to the images before it.
        let found = if stage.repaired {
            self.model.repair(&Tape::idle(), &self.images(Stage { repaired: false, ..stage })?)?
        } else if let Some(clean) = stage.clean {
            let before = self.images(Stage { clean: None, ..stage })?;
            each(before.value(), |image, size| {
                impulses::repair(image, size, &clean);
            })?
        } else if let Some(filter) = stage.filter {
            let before = self.images(Stage { filter: None, ..stage })?;
            each(before.value(), |image, size| image.copy_from_slice(&filter.apply(image, size)))?
        } else {
            // The images as they came, which are there from the beginning.
            return Ok(self.images[0].1.clone());
        };
        self.images.push((stage, found.clone()));
        Ok(found)
    }

    /// What is measured in the images of a run, repaired; nothing where nothing is to be.
    pub(super) fn measured(&mut self, run: &Run, measure: Option<Measure>) -> Result<Vec<f64>> {
        let Some(measure) = measure else { return Ok(Vec::new()) };
        let stage = Stage { repaired: true, ..Stage::of(run) };
        if let Some((.., known)) = self.measured.iter().find(|(at, what, _)| (at, what) == (&stage, &measure)) {
            return Ok(known.clone());
        }
        let found = self.model.measure(self.images(stage)?.value(), measure)?;
        self.measured.push((stage, measure, found.clone()));
        Ok(found)
    }
}

/// Images, each changed on the host.
fn each(images: &Tensor, change: impl Fn(&mut [f32], [usize; 3])) -> Result<Var> {
    let &[_, height, width, channels] = images.shape() else {
        return Err(Error::shape("sweep", "images [n, height, width, channels] are needed", &[images.shape()]));
    };
    let (size, mut values) = ([height, width, channels], images.to_vec()?);
    values.chunks_exact_mut(size.iter().product()).for_each(|image| change(image, size));
    Ok(Tape::idle().constant(&Tensor::from_slice(images.gpu(), images.shape(), &values)?))
}
