//! What a training shows while it runs.

use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use crate::cli::console::{bar, to_json};
use crate::error::Result;
use crate::train::{Departure, EpochRecord, Progress, TrainConfig};

/// Seconds between two plain lines if there is no terminal for a bar.
const SECONDS_A_LINE: u64 = 15;

/// A progress bar on a terminal; elsewhere a line now and then.
pub(super) struct Screen {
    bar: Option<ProgressBar>,
    json: bool,
    epoch_started: Option<(Instant, usize)>,
    last_line: Instant,
}

impl Screen {
    pub(super) fn new(json: bool) -> Self {
        Self { bar: None, json, epoch_started: None, last_line: Instant::now() }
    }

    pub(super) fn step(&mut self, progress: &Progress, steps: usize, config: &TrainConfig) {
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
            // If this line fails, so will that of the epoch, whose error is returned.
            let _ = say!("epoch {epoch}/{} step {step}/{steps} {}", config.epochs, so_far(progress, rate));
        }
    }

    pub(super) fn epoch(&mut self, record: &EpochRecord, config: &TrainConfig) -> Result<()> {
        self.clear();
        self.last_line = Instant::now();
        if self.json {
            return say!("{}", to_json(record)?);
        }
        let orthogonality = record
            .orthogonality
            .map_or(String::new(), |Departure { loss, least }| format!(", orthogonality {loss:.4} (least {least:.4})"));
        say!(
            "epoch {}/{}: training loss {:.4} accuracy {:.2} %, test loss {:.4} accuracy {:.2} %{orthogonality}, {:.0} images/s",
            record.epoch,
            config.epochs,
            record.train_loss,
            100.0 * record.train_accuracy,
            record.test_loss,
            100.0 * record.test_accuracy,
            record.images_per_s,
        )
    }

    pub(super) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        self.epoch_started = None;
    }
}

/// Loss, accuracy and speed in the current epoch so far.
fn so_far(progress: &Progress, images_per_s: f64) -> String {
    let tally = &progress.tally;
    format!("loss {:.4} accuracy {:.1} % {images_per_s:.0} images/s", tally.mean_loss(), 100.0 * tally.accuracy())
}
