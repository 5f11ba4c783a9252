//! `sdnet train`

mod args;
mod folder;
mod method;
mod output;
pub mod recipe;
mod screen;
mod stop;
mod tensorboard;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

pub use args::TrainArgs;
pub use output::TRAINING;
pub use recipe::RECIPE;

use super::args::{first_difference, load_aloud, stem};
use super::console::{counted, note};
use crate::checkpoint::{self, Checkpoint, Recipe};
use crate::data::{DataSource, Dataset, Normalization, Split};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::models::{Kind, Model, ModelConfig, Network, Stem};
use crate::train::{Event, Purpose, TrainConfig, Trainer, check_fit, largest_batch, largest_batch_by_buffer};
use folder::RunFolder;
use output::{weights_in, write_epoch, write_pictures};
use screen::Screen;
use stop::Stop;
use tensorboard::Log;

pub fn run(options: &TrainArgs) -> Result<ExitCode> {
    let gpu = options.adapter.open()?;
    if !options.resume && options.data.source(None).would_hold(&options.out) {
        return Err(Error::file(
            &options.out,
            "lies in the folder of the images, which a training must not change; name another",
        ));
    }
    let folder = if options.resume {
        RunFolder::resume(&options.out)?
    } else {
        RunFolder::create(&options.out, options.overwrite)?
    };
    let (trainer, data) = if options.resume { resume(options, &gpu)? } else { start(options, &gpu)? };
    check_fit(trainer.model(), &data.train)?;
    check_fit(trainer.model(), &data.test)?;
    data.check_sizes()?;
    announce(options, &gpu, &trainer, &data)?;
    train(options, folder, trainer, &data)
}

/// The images of a training.
struct Images {
    train: Dataset,
    test: Dataset,
}

impl Images {
    fn load(source: &DataSource) -> Result<Self> {
        let (train, test) = (load_aloud(source, Split::Train)?, load_aloud(source, Split::Test)?);
        train.check_for_training()?;
        Ok(Self { train, test })
    }

    /// With labels in the numbering of a network.
    fn in_classes(self, names: &[String]) -> Result<Self> {
        Ok(Self { train: self.train.in_classes(names)?, test: self.test.in_classes(names)? })
    }

    fn check_sizes(&self) -> Result<()> {
        let [train, test] = [&self.train, &self.test].map(|data| [data.height, data.width]);
        if train != test {
            let reason = "training and test images differ in size (height, width); bring them to one size (for folders of images, \
                          --size does that)";
            return Err(Error::shape("train", reason, &[&train, &test]));
        }
        Ok(())
    }
}

/// A new training, of a new network or of one from a file.
fn start(options: &TrainArgs, gpu: &Gpu) -> Result<(Trainer, Images)> {
    options.check()?;
    let Some(path) = &options.init else {
        let source = options.data.source(None);
        options.model.config(1, 1)?.check()?;
        let data = Images::load(&source)?;
        let config = options.config(&data.train, source.absolute()?)?;
        let model = options.model.config(data.train.channels, data.train.classes)?;
        let recipe = recipe(options, &config, &data.train, model, None)?;
        return Ok((Trainer::new(gpu, recipe, config)?, data));
    };
    // What goes with the weights (statistics for other lambdas) does not belong to those to come.
    let Checkpoint { model, recipe: recorded, .. } = checkpoint::load::<Network>(path, gpu, None)?;
    let source = options.data.source_for(&recorded);
    let changed = options.model.applied_to_weights(&recorded.model)?;
    changed.check()?;
    let data = Images::load(&source)?;
    let config = options.config(&data.train, source.absolute()?)?;
    let (model, changed, data) = if options.new_head {
        let changed = ModelConfig { classes: data.train.classes, ..changed };
        (checkpoint::with_new_head(&model, &changed, config.seed)?, changed, data)
    } else {
        let model = if changed == recorded.model { model } else { checkpoint::rebuilt(&model, &changed)? };
        (model, changed, data.in_classes(&recorded.class_names).map_err(or_new_head)?)
    };
    check_fit(&model, &data.train).map_err(or_new_head)?;
    let mut recipe = recipe(options, &config, &data.train, changed, recorded.normalization)?;
    if recipe.class_names.len() != recipe.model.classes {
        recipe.class_names = recorded.class_names;
    }
    Ok((Trainer::with_model(model, recipe, config)?, data))
}

/// Says what to do about images of other classes than those of the weights.
fn or_new_head(error: Error) -> Error {
    const FLAG: &str = "--new-head makes a last layer for them";
    match error {
        Error::Classes { data, class, known } => Error::Classes { data, class, known: format!("{known} ({FLAG})") },
        Error::Label { label, classes, .. } => Error::argument(
            "init",
            label,
            format!("is a label of the images, but the weights have {classes} classes: {FLAG}"),
        ),
        other => other,
    }
}

fn recipe(
    options: &TrainArgs,
    config: &TrainConfig,
    train: &Dataset,
    model: ModelConfig,
    recorded: Option<Normalization>,
) -> Result<Recipe> {
    let source = config.source.as_ref();
    Ok(Recipe {
        model,
        normalization: Some(options.data.normalization(train, recorded)?),
        size: Some([train.height, train.width]),
        resized: source.is_some_and(|source| source.size.is_some()),
        center: source.and_then(|source| source.center),
        background: source.and_then(|source| source.background),
        hold_out: source.and_then(|source| source.hold_out),
        class_names: train.class_names.clone(),
        data: train.name.clone(),
        augment: config.augment,
        ..Recipe::default()
    })
}

/// The training in the output folder, on the images that it was started with.
fn resume(options: &TrainArgs, gpu: &Gpu) -> Result<(Trainer, Images)> {
    let mut trainer = Trainer::<Network>::resume(gpu, &options.out.join(TRAINING))?;
    let (recorded, recipe) = (trainer.config().clone(), trainer.recipe().clone());
    if let Some((flag, value)) = first_difference(&options.model.applied_to_weights(&recipe.model)?, &recipe.model) {
        let reason = "differs from what the training was started with; leave the flag out, or start anew with --init";
        return Err(Error::argument(flag, value, reason));
    }
    if recorded.source.is_none() && options.data.data.is_none() {
        return Err(Error::file(&options.out, "does not say which images it was started with: give --data"));
    }
    let source = options.data.source_to_resume(recorded.source.as_ref())?;
    let config = options.resumed(&recorded)?;
    config.check()?;
    let data = Images::load(&source)?.in_classes(&recipe.class_names)?;
    let normalization = options.data.normalization(&data.train, recipe.normalization.clone())?;
    if recipe.normalization.as_ref().is_some_and(|known| *known != normalization) {
        let flag = options.data.normalize.first_given().unwrap_or("mean");
        return Err(Error::argument(flag, "", "differs from what the training was started with; leave the flag out"));
    }
    trainer.set_config(TrainConfig { source: Some(source.absolute()?), ..config })?;
    Ok((trainer, data))
}

/// Trains until the end or until a signal.
fn train(options: &TrainArgs, mut folder: RunFolder, mut trainer: Trainer, data: &Images) -> Result<ExitCode> {
    let stop = Stop::listen()?;
    let mut screen = Screen::new(options.json);
    let before = trainer.progress().step;
    // A training that was logged before goes on being logged.
    let logged = options.tensorboard || options.resume && !tensorboard::files_in(&options.out).is_empty();
    let mut log = None;
    let trained = trainer.run(&data.train, &data.test, &|| stop.is_asked(), &mut |trainer, event| match event {
        Event::Step { steps } => {
            folder.begin()?;
            if logged && log.is_none() {
                log = Some(Log::open(&options.out, trainer.progress().kept())?);
            }
            screen.step(trainer.progress(), steps, trainer.config());
            Ok(())
        }
        Event::Save => trainer.save(&options.out.join(TRAINING)),
        Event::Epoch { record, best, tested } => {
            screen.epoch(record, trainer.config())?;
            if let Some(log) = &mut log {
                log.epoch(record, trainer, &data.test)?;
            }
            write_epoch(&options.out, trainer, best, &data.test, tested)
        }
    });
    let trained = trained.map_err(|error| with_largest_batch(error, &trainer, &data.train));
    screen.clear();
    trained?;
    let progress = trainer.progress();
    if let Some(code) = stop.code() {
        trainer.save(&options.out.join(TRAINING))?;
        note(format_args!("stopped after {}; `--resume` goes on from there", counted(progress.step, "step")));
        return Ok(ExitCode::from(code));
    }
    if progress.step == before {
        if logged {
            Log::open(&options.out, &progress.history)?;
        }
        let more = if progress.epoch < trainer.config().epochs {
            "without --steps, or with more of them, it"
        } else {
            "a larger --epochs"
        };
        note(format_args!(
            "nothing is left to do after {} and {}; {more} goes on",
            counted(progress.step, "step"),
            counted(progress.epoch, "epoch")
        ));
    }
    write_pictures(&options.out, &trainer, &data.test)?;
    finish(options, &trainer)?;
    Ok(ExitCode::SUCCESS)
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

fn announce(options: &TrainArgs, gpu: &Gpu, trainer: &Trainer, data: &Images) -> Result<()> {
    let Images { train, test } = data;
    let classes = train.labels.iter().collect::<BTreeSet<_>>().len();
    if classes < trainer.recipe().model.classes {
        let of = trainer.recipe().model.classes;
        note(format_args!("note: there are training images of {classes} of the network's {of} classes"));
    }
    if options.json {
        return Ok(());
    }
    let parameters = trainer.model().parameter_count();
    let model = &trainer.recipe().model;
    say!(
        "{} of width {}{} ({parameters} parameters) on {} ({} training, {} test images of {}x{}x{}), {} on {}",
        model.name(),
        model.width,
        if model.stem == Stem::Cifar { String::new() } else { format!(", {}", stem(model)) },
        train.name,
        train.len(),
        test.len(),
        train.height,
        train.width,
        train.channels,
        match (&options.init, trainer.progress().step) {
            (Some(path), 0) => format!("from {}", path.display()),
            (None, 0) => "from the start".into(),
            (_, step) => format!("resumed after {}", counted(step, "step")),
        },
        gpu.adapter().name,
    )
}

fn finish(options: &TrainArgs, trainer: &Trainer) -> Result<()> {
    let Some(last) = trainer.progress().history.last() else { return Ok(()) };
    let best = trainer.progress().history.iter().map(|r| r.test_accuracy).fold(0.0, f64::max);
    if !options.json {
        let out = options.out.display();
        say!("test accuracy {:.2} % (best {:.2} %)", 100.0 * last.test_accuracy, 100.0 * best)?;
        let weights = weights_in(&options.out);
        let shown = weights.iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
        say!("weights {}, figures {out}/metrics.jsonl", shown.join(", "))?;
        say!("report: sdnet report {out}")?;
        say!("pictures {out}/curves.svg, {out}/predictions.png{}", atoms_too(trainer, &options.out))?;
    }
    Ok(())
}

/// Names the picture of the atoms, if the network has any.
fn atoms_too(trainer: &Trainer, out: &Path) -> String {
    let sparse = trainer.recipe().model.kind != Kind::Resnet;
    if sparse { format!(", {}", out.join("atoms.png").display()) } else { String::new() }
}
