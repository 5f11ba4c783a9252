//! Images on their way to a model: filtered, repaired, measured.

use super::sweep::Run;
use super::{Classifier, CleanImages, Filter, Measure, impulses};
use crate::data::Batch;
use crate::error::Result;
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

    /// The stage before this one. Images begin at the first, where nothing has been done.
    fn before(self) -> Self {
        match self {
            Self { repaired: true, .. } => Self { repaired: false, ..self },
            Self { clean: Some(_), .. } => Self { clean: None, ..self },
            _ => Self::default(),
        }
    }
}

/// A batch of images, filtered, repaired, measured and uploaded as often as it must be, but not more.
pub(super) struct Seen<'a> {
    model: &'a dyn Classifier,
    images: Vec<(Stage, Batch)>,
    uploaded: Vec<(Stage, Tensor)>,
    measured: Vec<(Stage, Measure, Vec<f64>)>,
}

impl<'a> Seen<'a> {
    pub(super) fn new(model: &'a dyn Classifier, images: Batch) -> Self {
        Self { model, images: vec![(Stage::default(), images)], uploaded: Vec::new(), measured: Vec::new() }
    }

    /// The images at a stage, on the device.
    pub(super) fn uploaded(&mut self, stage: Stage) -> Result<Tensor> {
        if let Some((_, known)) = self.uploaded.iter().find(|(at, _)| *at == stage) {
            return Ok(known.clone());
        }
        let tensor = self.images(stage)?.upload(self.model.gpu())?;
        self.uploaded.push((stage, tensor.clone()));
        Ok(tensor)
    }

    /// The images at a stage.
    fn images(&mut self, stage: Stage) -> Result<Batch> {
        if let Some((_, known)) = self.images.iter().find(|(at, _)| *at == stage) {
            return Ok(known.clone());
        }
        // The last thing to be done is done to the images before it.
        let mut images = self.images(stage.before())?;
        let size = images.size();
        match stage {
            Stage { repaired: true, .. } => self.model.repair(&mut images)?,
            Stage { clean: Some(clean), .. } => images.images_mut().for_each(|image| {
                impulses::repair(image, size, &clean);
            }),
            Stage { filter: Some(filter), .. } => {
                images.images_mut().for_each(|image| image.copy_from_slice(&filter.apply(image, size)));
            }
            Stage { filter: None, .. } => (),
        }
        self.images.push((stage, images.clone()));
        Ok(images)
    }

    /// What is measured in the images of a run, repaired; nothing where nothing is to be.
    pub(super) fn measured(&mut self, run: &Run, measure: Option<Measure>) -> Result<Vec<f64>> {
        let Some(measure) = measure else { return Ok(Vec::new()) };
        let stage = Stage { repaired: true, ..Stage::of(run) };
        if let Some((.., known)) = self.measured.iter().find(|(at, what, _)| (at, what) == (&stage, &measure)) {
            return Ok(known.clone());
        }
        let found = self.model.measure(&self.images(stage)?, measure)?;
        self.measured.push((stage, measure, found.clone()));
        Ok(found)
    }
}
