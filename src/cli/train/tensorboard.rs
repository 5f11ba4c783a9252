//! What a training tells TensorBoard, in the folder of the run.
//!
//! Every program that trains into the folder writes a file of its own, one record an epoch, at the step that the epoch ended
//! with. An epoch is logged before the training is saved, so that a program that is killed in between has logged an epoch that
//! training will repeat: on resuming, what was logged beyond the saved state is cut from the files, and what is missing (of
//! epochs before logging was asked for) is filled in from the history. So each epoch is there once.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::output::{atoms_of, spread};
use crate::data::{Dataset, Normalization, fill_batch};
use crate::error::{Error, Result};
use crate::files::{Event, Image, Summary, Value, whole_events, write_bytes};
use crate::layers::{Measures, Measuring, Pass, sparse_layers};
use crate::models::Model;
use crate::tape::Tape;
use crate::tensor::Tensor;
use crate::train::{EpochRecord, Trainer};

/// The files are `events.out.tfevents.0001.sdnet` and so on; TensorBoard reads them in this order.
const NAME: [&str; 2] = ["events.out.tfevents.", ".sdnet"];

/// Number of test images that the sparse coding layers are measured on.
const MEASURED: usize = 32;

/// The event files of trainings in a folder, in order, with their numbers.
fn numbered(folder: &Path) -> Vec<(usize, PathBuf)> {
    let number = |path: &Path| path.file_name()?.to_str()?.strip_prefix(NAME[0])?.strip_suffix(NAME[1])?.parse().ok();
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files = entries.filter_map(|path| Some((number(&path)?, path))).collect::<Vec<_>>();
    files.sort();
    files
}

/// The event files of trainings in a folder.
pub(super) fn files_in(folder: &Path) -> Vec<PathBuf> {
    numbered(folder).into_iter().map(|(_, path)| path).collect()
}

/// The file that this program logs to.
pub(super) struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    /// Begins a file, after what the folder holds of these epochs; what it holds of others is removed.
    ///
    /// # Errors
    /// [`Error::Io`] for files that cannot be read or written.
    pub(super) fn open(folder: &Path, history: &[EpochRecord]) -> Result<Self> {
        let files = numbered(folder);
        let logged = cut(&files, history)?;
        let step = logged.checked_sub(1).map_or(0, |last| history[last].step);
        let now = now();
        let mut bytes = [Event::version(now), Event::start(now, step as i64 + 1)].map(|event| event.framed()).concat();
        for record in &history[logged..] {
            bytes.extend(event(record, figures(record)).framed());
        }
        let number = files.last().map_or(1, |(last, _)| last + 1);
        let path = folder.join(format!("{}{number:04}{}", NAME[0], NAME[1]));
        write_bytes(&path, &bytes)?;
        let file = OpenOptions::new().append(true).open(&path).map_err(|e| Error::io(&path, e))?;
        Ok(Self { path, file })
    }

    /// Logs an epoch that has just ended.
    ///
    /// # Errors
    /// [`Error::Io`], and whatever the device reports.
    pub(super) fn epoch(&mut self, record: &EpochRecord, trainer: &Trainer, test: &Dataset) -> Result<()> {
        let mut values = figures(record);
        values.extend(measures(trainer, test)?);
        values.extend(atoms(trainer)?);
        let bytes = event(record, values).framed();
        self.file.write_all(&bytes).map_err(|e| Error::io(&self.path, e))
    }
}

/// Leaves of the files what belongs to the first epochs of the history, up to one that is not there; returns how many these are.
fn cut(files: &[(usize, PathBuf)], history: &[EpochRecord]) -> Result<usize> {
    let read = |path: &PathBuf| std::fs::read(path).map_err(|e| Error::io(path, e));
    let all = files.iter().map(|(_, path)| Ok((path, read(path)?))).collect::<Result<Vec<_>>>()?;
    let all = all.into_iter().map(|(path, bytes)| (path, bytes.len(), whole_events(&bytes))).collect::<Vec<_>>();
    let is_there = |step: usize| {
        let mut events = all.iter().flat_map(|(_, _, (events, _))| events);
        events.any(|event| event.summary.is_some() && event.step == step as i64)
    };
    let logged = history.iter().take_while(|record| is_there(record.step)).count();
    let last = logged.checked_sub(1).map_or(0, |last| history[last].step as i64);
    for (path, size, (events, whole)) in &all {
        let kept = events.iter().filter(|event| event.step <= last).collect::<Vec<_>>();
        if kept.iter().all(|event| event.summary.is_none()) {
            std::fs::remove_file(path).map_err(|e| Error::io(*path, e))?;
        } else if kept.len() < events.len() || whole < size {
            write_bytes(path, &kept.iter().flat_map(|event| event.framed()).collect::<Vec<_>>())?;
        }
    }
    Ok(logged)
}

fn event(record: &EpochRecord, values: Vec<Value>) -> Event {
    Event { wall_time: now(), step: record.step as i64, summary: Some(Summary { values }), ..Event::default() }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn number(tag: impl Into<String>, number: f64) -> Value {
    Value { tag: tag.into(), number: Some(number as f32), image: None }
}

/// The figures of an epoch.
fn figures(record: &EpochRecord) -> Vec<Value> {
    let always = [
        ("loss/train", record.train_loss),
        ("loss/test", record.test_loss),
        ("top1/train", record.train_accuracy),
        ("top1/test", record.test_accuracy),
        ("learning_rate", f64::from(record.learning_rate)),
        ("images_per_s", record.images_per_s),
        ("epoch", record.epoch as f64),
    ];
    let recorded = [
        ("top5/train", record.train_top5),
        ("top5/test", record.test_top5),
        ("orthogonality/loss", record.orthogonality.map(|departure| departure.loss)),
        ("orthogonality/least", record.orthogonality.map(|departure| departure.least)),
    ];
    let recorded = recorded.into_iter().filter_map(|(tag, value)| Some((tag, value?)));
    always.into_iter().chain(recorded).map(|(tag, value)| number(tag, value)).collect()
}

/// Step size, share of codes that are not zero, and `|x - A z| / |x|` of every sparse coding layer, over the same test images
/// after every epoch. An evaluation changes nothing of the network, nor of what training draws.
fn measures(trainer: &Trainer, test: &Dataset) -> Result<Vec<Value>> {
    let (model, layers) = (trainer.tested(), sparse_layers(trainer.tested()));
    if layers.is_empty() {
        return Ok(Vec::new());
    }
    let usual = || Normalization::default_for(&test.name, test.channels);
    let normalization = trainer.recipe().normalization.clone().unwrap_or_else(usual);
    let indices = spread(test.len(), MEASURED);
    let (pixels, _) = fill_batch(test, &indices, &normalization, None, 0, 0)?;
    let shape = [indices.len(), test.height, test.width, test.channels];
    let (tape, measuring) = (Tape::idle(), Rc::new(Measuring::all()));
    let pass = Pass::eval(&tape).with_hook(measuring.clone());
    model.forward(&pass, &tape.constant(&Tensor::from_slice(model.gpu(), &shape, &pixels)?))?;
    let mut values = Vec::new();
    for (name, layer) in layers {
        let step = layer.step()?.to_vec()?;
        values.extend(step.first().map(|step| number(format!("step_size/{name}"), f64::from(*step))));
        let Some(Measures { signal, residual, active, code_size, .. }) = measuring.of(layer) else { continue };
        let sum = |of: &Tensor| Ok::<_, Error>(of.to_vec()?.iter().map(|v| f64::from(*v)).sum::<f64>());
        let codes = indices.len() * code_size;
        values.push(number(format!("active_codes/{name}"), sum(&active)? / codes as f64));
        let signal = sum(&signal)?;
        // Of an input of nothing but zeros, there is no relative residual.
        if signal > 0.0 {
            values.push(number(format!("relative_residual/{name}"), (sum(&residual)? / signal).sqrt()));
        }
    }
    Ok(values)
}

/// The picture of atoms.png, if the network has a dictionary.
fn atoms(trainer: &Trainer) -> Result<Option<Value>> {
    let Some((name, picture)) = atoms_of(trainer)? else { return Ok(None) };
    let tag = format!("atoms/{name}");
    let png = picture.png().map_err(|e| Error::file(&tag, e))?;
    let image = Image { height: picture.height as i32, width: picture.width as i32, channels: 3, png };
    Ok(Some(Value { tag, number: None, image: Some(image) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Epochs of seven steps each.
    fn history(epochs: usize) -> Vec<EpochRecord> {
        let record = |epoch: usize| EpochRecord {
            epoch,
            step: 7 * epoch,
            learning_rate: 0.1,
            train_loss: 1.0,
            train_accuracy: 0.5,
            train_top5: None,
            test_loss: 1.0,
            test_accuracy: 0.5,
            test_top5: Some(0.9),
            images_per_s: 10.0,
            seconds: 1.0,
            data_wait: 0.0,
            adapter: String::new(),
            peak_bytes: 0,
            orthogonality: None,
        };
        (1..=epochs).map(record).collect()
    }

    /// The steps with figures, file by file.
    fn steps(folder: &Path) -> Vec<Vec<i64>> {
        let of = |path: &PathBuf| {
            let bytes = std::fs::read(path).unwrap();
            let (events, whole) = whole_events(&bytes);
            assert_eq!(whole, bytes.len());
            assert!(events[0].file_version.is_some() && events[1].session.is_some());
            events.iter().filter(|event| event.summary.is_some()).map(|event| event.step).collect()
        };
        files_in(folder).iter().map(of).collect()
    }

    fn append(log: &mut Log, record: &EpochRecord) {
        log.file.write_all(&event(record, figures(record)).framed()).unwrap();
    }

    #[test]
    fn every_epoch_is_there_once_whatever_was_logged_before() {
        let folder = tempfile::tempdir().unwrap();
        let all = history(6);
        let mut log = Log::open(folder.path(), &[]).unwrap();
        all[..4].iter().for_each(|record| append(&mut log, record));
        // The state of the second epoch was saved last.
        let mut log = Log::open(folder.path(), &all[..2]).unwrap();
        append(&mut log, &all[2]);
        assert_eq!(steps(folder.path()), [vec![7, 14], vec![21]]);
        // Killed in the middle of a record.
        let half = event(&all[3], figures(&all[3])).framed();
        log.file.write_all(&half[..half.len() / 2]).unwrap();
        Log::open(folder.path(), &all[..3]).unwrap();
        assert_eq!(steps(folder.path()), [vec![7, 14], vec![21], vec![]]);
        // A file without an epoch goes; epochs without a record are filled in.
        Log::open(folder.path(), &all[..5]).unwrap();
        assert_eq!(steps(folder.path()), [vec![7, 14], vec![21], vec![28, 35]]);
        let first = &files_in(folder.path())[0];
        std::fs::write(first, b"damaged").unwrap();
        Log::open(folder.path(), &all).unwrap();
        assert_eq!(steps(folder.path()), [vec![7, 14, 21, 28, 35, 42]]);
    }

    #[test]
    fn files_of_other_programs_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("events.out.tfevents.1700000000.host.1.0");
        std::fs::write(&other, b"precious").unwrap();
        Log::open(folder.path(), &history(1)).unwrap();
        assert_eq!(std::fs::read(&other).unwrap(), b"precious");
        assert_eq!(files_in(folder.path()).len(), 1);
    }
}
