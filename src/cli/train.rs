//! `sdnet train`

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use super::args::TrainArgs;
use super::eval::normalization;
use super::pictures::{self, EpochPoint, Picture, Tile};
use super::report::{bar, so_far, to_json};
use crate::checkpoint::{self, Recipe};
use crate::data::{Augment, Dataset, Split, fill_batch, load};
use crate::error::{Error, Result};
use crate::files::{create_dir, write_bytes};
use crate::gpu::Gpu;
use crate::models::Kind;
use crate::tensor::Tensor;
use crate::train::{EpochRecord, Event, Progress, TrainConfig, Trainer, check_fit};

/// What a training goes on from.
const TRAINING: &str = "training.safetensors";

/// Test images in the picture of predictions.
const TILES: usize = 24;

/// Seconds between two plain lines where there is no terminal for a bar.
const SECONDS_A_LINE: u64 = 15;

pub fn run(options: &TrainArgs) -> Result<()> {
    let gpu = options.adapter.open()?;
    let train = load(&options.data.source(), Split::Train)?;
    let test = load(&options.data.source(), Split::Test)?;
    create_dir(&options.out)?;
    let mut trainer = trainer(options, &gpu, &train)?;
    check_fit(&trainer.recipe().model, &train)?;
    check_fit(&trainer.recipe().model, &test)?;
    // An unwritable folder or a full disk shows before the work, not after.
    trainer.save(&options.out.join(TRAINING))?;
    announce(options, &gpu, &mut trainer, &train, &test)?;

    let stop = Arc::new(AtomicBool::new(false));
    let asked = stop.clone();
    ctrlc::set_handler(move || asked.store(true, Ordering::Relaxed))
        .map_err(|e| Error::argument("Ctrl-C", "handler", e.to_string()))?;
    let mut screen = Screen::new(options.json);
    trainer.run(&train, &test, &|| stop.load(Ordering::Relaxed), &mut |trainer, event| match event {
        Event::Step { steps } => {
            screen.step(trainer.progress(), steps, trainer.config());
            Ok(())
        }
        Event::Epoch { record, best } => {
            screen.epoch(record, trainer.config())?;
            write_epoch(&options.out, trainer, best)
        }
    })?;
    screen.clear();
    if stop.load(Ordering::Relaxed) {
        trainer.save(&options.out.join(TRAINING))?;
        let progress = trainer.progress();
        say!("stopped after {} steps; `--resume` goes on from there", progress.step)?;
        return Ok(());
    }
    write_pictures(&options.out, &mut trainer, &test)?;
    finish(options, &trainer)
}

fn trainer(options: &TrainArgs, gpu: &Gpu, train: &Dataset) -> Result<Trainer> {
    if options.resume {
        let mut trainer = Trainer::resume(gpu, &options.out.join(TRAINING))?;
        trainer.set_steps(options.steps);
        return Ok(trainer);
    }
    let config = TrainConfig {
        epochs: options.epochs,
        batch: options.batch,
        rate: options.lr,
        schedule: options.schedule.into(),
        momentum: options.momentum,
        weight_decay: options.weight_decay,
        seed: options.seed,
        augment: (!options.no_augment).then(|| Augment::usual_for(train)),
        shuffle: !options.no_shuffle,
        steps: options.steps,
    };
    let describe = |model| -> Result<Recipe> {
        Ok(Recipe {
            model,
            normalization: Some(normalization(&options.data, train, None)?),
            size: Some([train.height, train.width]),
            class_names: train.class_names.clone(),
            data: train.name.clone(),
            augment: config.augment,
            ..Recipe::default()
        })
    };
    match &options.init {
        Some(path) => {
            let (network, recipe) = checkpoint::load(path, gpu, None)?;
            Trainer::with_network(gpu, network, describe(recipe.model)?, config)
        }
        None => Trainer::new(gpu, describe(options.model.config(train.channels, train.classes)?)?, config),
    }
}

fn announce(options: &TrainArgs, gpu: &Gpu, trainer: &mut Trainer, train: &Dataset, test: &Dataset) -> Result<()> {
    if options.json {
        return Ok(());
    }
    let parameters = trainer.network().parameter_count();
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

/// What is seen of the training while it runs.
struct Screen {
    bar: Option<ProgressBar>,
    json: bool,
    epoch_started: Option<(Instant, usize)>,
    last_line: Instant,
}

impl Screen {
    fn new(json: bool) -> Self {
        Self { bar: None, json, epoch_started: None, last_line: Instant::now() }
    }

    fn step(&mut self, progress: &Progress, steps: usize, config: &TrainConfig) {
        if self.json {
            return;
        }
        let samples = progress.tally.samples;
        let (start, first) = *self.epoch_started.get_or_insert((Instant::now(), samples));
        let rate = (samples - first) as f64 / start.elapsed().as_secs_f64().max(1e-9);
        let bar = self.bar.get_or_insert_with(|| bar(steps));
        bar.set_prefix(format!("epoch {}/{}", progress.epoch + 1, config.epochs));
        bar.set_position(progress.step_of_epoch as u64);
        bar.set_message(so_far(progress, rate));
        if bar.is_hidden() && self.last_line.elapsed() > Duration::from_secs(SECONDS_A_LINE) {
            self.last_line = Instant::now();
            let (epoch, step) = (progress.epoch + 1, progress.step_of_epoch);
            // The line of the epoch will fail where this one does.
            let _ = say!("epoch {epoch}/{} step {step}/{steps} {}", config.epochs, so_far(progress, rate));
        }
    }

    fn epoch(&mut self, record: &EpochRecord, config: &TrainConfig) -> Result<()> {
        self.clear();
        self.last_line = Instant::now();
        if self.json {
            return say!("{}", to_json(record)?);
        }
        say!(
            "epoch {}/{}: training loss {:.4} accuracy {:.2} %, test loss {:.4} accuracy {:.2} %, {:.0} images/s",
            record.epoch,
            config.epochs,
            record.train_loss,
            100.0 * record.train_accuracy,
            record.test_loss,
            100.0 * record.test_accuracy,
            record.images_per_s,
        )
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        self.epoch_started = None;
    }
}

/// Weights, state, metrics and curves after an epoch.
fn write_epoch(out: &Path, trainer: &mut Trainer, best: bool) -> Result<()> {
    let recipe = trainer.recipe().clone();
    checkpoint::save(&out.join("last.safetensors"), trainer.network(), &recipe)?;
    if best {
        checkpoint::save(&out.join("best.safetensors"), trainer.network(), &recipe)?;
    }
    trainer.save(&out.join(TRAINING))?;
    let history = &trainer.progress().history;
    let lines = history.iter().map(to_json).collect::<Result<Vec<_>>>()?;
    write_bytes(&out.join("metrics.jsonl"), format!("{}\n", lines.join("\n")).as_bytes())?;
    let points = history.iter().map(|r| EpochPoint {
        epoch: r.epoch as f64,
        train_loss: r.train_loss,
        train_accuracy: r.train_accuracy,
        test_loss: r.test_loss,
        test_accuracy: r.test_accuracy,
    });
    let path = out.join("curves.svg");
    let svg = pictures::training_curves_svg(&points.collect::<Vec<_>>()).map_err(|e| Error::file(&path, e))?;
    write_bytes(&path, svg.as_bytes())
}

/// The dictionary of the first layer, and some test images with what the network says of them.
fn write_pictures(out: &Path, trainer: &mut Trainer, test: &Dataset) -> Result<()> {
    if let Some(csc) = trainer.network().sparse_layers().first() {
        let weight = &csc.weight.value;
        let &[atoms, kernel, _, channels] = weight.shape() else { return Ok(()) };
        let picture = pictures::atoms(&weight.to_vec()?, atoms, kernel, channels);
        write_png(&out.join("atoms.png"), &picture)?;
    }
    let indices = spread(test.len(), TILES);
    let recipe = trainer.recipe().clone();
    let Some(normalization) = &recipe.normalization else { return Ok(()) };
    let (pixels, _) = fill_batch(test, &indices, normalization, None, 0, 0);
    let gpu = trainer.network().gpu().clone();
    let x = Tensor::from_slice(&gpu, &[indices.len(), test.height, test.width, test.channels], &pixels)?;
    let scores = trainer.network().predict(&x, None)?.to_vec()?;
    let name = |class: usize| recipe.class_names.get(class).cloned().unwrap_or_else(|| class.to_string());
    let tiles = indices.iter().zip(scores.chunks_exact(recipe.model.classes)).map(|(&i, scores)| {
        let (guess, confidence) = best_class(scores);
        let truth = name(usize::from(test.labels[i as usize]));
        let (height, width, channels) = (test.height, test.width, test.channels);
        Tile { pixels: test.image(i as usize), height, width, channels, truth, guess: name(guess), confidence }
    });
    write_png(&out.join("predictions.png"), &pictures::predictions(&tiles.collect::<Vec<_>>()))
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

/// Where the atoms are drawn, if the network has any.
fn atoms_too(trainer: &Trainer, out: &Path) -> String {
    let sparse = trainer.recipe().model.kind != Kind::Resnet;
    if sparse { format!(", {}", out.join("atoms.png").display()) } else { String::new() }
}

/// `count` indices, evenly spread.
fn spread(len: usize, count: usize) -> Vec<u32> {
    let count = count.min(len);
    (0..count).map(|i| (i * len / count) as u32).collect()
}

/// The best class and its probability.
pub(super) fn best_class(scores: &[f32]) -> (usize, f32) {
    let best = (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap_or(0);
    let total = scores.iter().map(|s| (s - scores[best]).exp()).sum::<f32>();
    (best, 1.0 / total)
}

/// # Errors
/// [`Error::Io`] where the file cannot be written, [`Error::File`] where the picture cannot be encoded.
pub(super) fn write_png(path: &Path, picture: &Picture) -> Result<()> {
    write_bytes(path, &picture.png().map_err(|e| Error::file(path, e))?)
}
