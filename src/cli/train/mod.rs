//! `sdnet train`

mod args;
mod output;
mod screen;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use args::TrainArgs;

use crate::checkpoint::{self, Checkpoint, Recipe};
use crate::data::{Dataset, Split};
use crate::error::{Error, Result};
use crate::files::create_dir;
use crate::gpu::Gpu;
use crate::models::{Kind, Model};
use crate::train::{Event, Purpose, Trainer, check_fit, largest_batch, largest_batch_by_buffer};
use output::{TRAINING, write_epoch, write_pictures};
use screen::Screen;

pub fn run(options: &TrainArgs) -> Result<()> {
    let gpu = options.adapter.open()?;
    let train = options.data.load(Split::Train)?;
    let test = options.data.load(Split::Test)?;
    create_dir(&options.out)?;
    let mut trainer = trainer(options, &gpu, &train)?;
    check_fit(trainer.model(), &train)?;
    check_fit(trainer.model(), &test)?;
    // Saving once now makes an unwritable folder or a full disk fail before the work, not after it.
    trainer.save(&options.out.join(TRAINING))?;
    announce(options, &gpu, &trainer, &train, &test)?;

    let stop = Arc::new(AtomicBool::new(false));
    let asked = stop.clone();
    ctrlc::set_handler(move || asked.store(true, Ordering::Relaxed))
        .map_err(|e| Error::argument("Ctrl-C", "handler", e.to_string()))?;
    let mut screen = Screen::new(options.json);
    let trained = trainer.run(&train, &test, &|| stop.load(Ordering::Relaxed), &mut |trainer, event| match event {
        Event::Step { steps } => {
            screen.step(trainer.progress(), steps, trainer.config());
            Ok(())
        }
        Event::Epoch { record, best } => {
            screen.epoch(record, trainer.config())?;
            write_epoch(&options.out, trainer, best)
        }
    });
    let trained = trained.map_err(|error| with_largest_batch(error, &trainer, &train));
    screen.clear();
    trained?;
    if stop.load(Ordering::Relaxed) {
        trainer.save(&options.out.join(TRAINING))?;
        let progress = trainer.progress();
        say!("stopped after {} steps; `--resume` goes on from there", progress.step)?;
        return Ok(());
    }
    write_pictures(&options.out, &trainer, &test)?;
    finish(options, &trainer)
}

fn trainer(options: &TrainArgs, gpu: &Gpu, train: &Dataset) -> Result<Trainer> {
    if options.resume {
        let mut trainer = Trainer::resume(gpu, &options.out.join(TRAINING))?;
        trainer.set_steps(options.steps);
        return Ok(trainer);
    }
    let config = options.config(train);
    let describe = |model| -> Result<Recipe> {
        Ok(Recipe {
            model,
            normalization: Some(options.data.normalization(train, None)?),
            size: Some([train.height, train.width]),
            class_names: train.class_names.clone(),
            data: train.name.clone(),
            augment: config.augment,
            ..Recipe::default()
        })
    };
    match &options.init {
        Some(path) => {
            // What goes with the weights (statistics for other lambdas) does not belong to those to come.
            let Checkpoint { model, recipe, .. } = checkpoint::load(path, gpu, None)?;
            Trainer::with_model(model, describe(recipe.model)?, config)
        }
        None => Trainer::new(gpu, describe(options.model.config(train.channels, train.classes)?)?, config),
    }
}

/// Adds to an error for want of memory which batch would fit.
fn with_largest_batch(error: Error, trainer: &Trainer, data: &Dataset) -> Error {
    let Error::OutOfMemory { adapter, what, bytes, limit } = error else { return error };
    let image = [data.height, data.width, data.channels];
    let (model, most) = (trainer.model(), trainer.config().batch);
    let found = if bytes > model.gpu().largest_buffer() {
        largest_batch_by_buffer(model, image)
    } else {
        largest_batch(model, image, Purpose::Train, most)
    };
    let limit = match found {
        Ok(0) => format!("{limit}; not even a batch of one fits"),
        Ok(batch) => format!("{limit}; a batch of {batch} fits"),
        // The error itself says all that is known.
        Err(_) => limit,
    };
    Error::OutOfMemory { adapter, what, bytes, limit }
}

fn announce(options: &TrainArgs, gpu: &Gpu, trainer: &Trainer, train: &Dataset, test: &Dataset) -> Result<()> {
    if options.json {
        return Ok(());
    }
    let parameters = trainer.model().parameter_count();
    let model = &trainer.recipe().model;
    say!(
        "{} of width {} ({parameters} parameters) on {} ({} training, {} test images of {}x{}x{}), {} on {}",
        model.name(),
        model.width,
        train.name,
        train.len(),
        test.len(),
        train.height,
        train.width,
        train.channels,
        if trainer.progress().step > 0 { "resumed" } else { "from the start" },
        gpu.adapter().name,
    )
}

fn finish(options: &TrainArgs, trainer: &Trainer) -> Result<()> {
    let Some(last) = trainer.progress().history.last() else { return Ok(()) };
    let best = trainer.progress().history.iter().map(|r| r.test_accuracy).fold(0.0, f64::max);
    if !options.json {
        let out = options.out.display();
        say!("test accuracy {:.2} % (best {:.2} %)", 100.0 * last.test_accuracy, 100.0 * best)?;
        say!("weights {out}/best.safetensors and {out}/last.safetensors, figures {out}/metrics.jsonl")?;
        say!("pictures {out}/curves.svg, {out}/predictions.png{}", atoms_too(trainer, &options.out))?;
    }
    Ok(())
}

/// Names the picture of the atoms, if the network has any.
fn atoms_too(trainer: &Trainer, out: &Path) -> String {
    let sparse = trainer.recipe().model.kind != Kind::Resnet;
    if sparse { format!(", {}", out.join("atoms.png").display()) } else { String::new() }
}
