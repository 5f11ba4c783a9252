//! The files that a training writes.

use std::path::{Path, PathBuf};

use super::recipe::{self, RECIPE};
use super::tensorboard;
use crate::checkpoint::{self, Attachments};
use crate::cli::console::to_json;
use crate::cli::pictures::{self, EpochPoint, Picture, Tile, write_png, write_svg};
use crate::cli::report::{FIGURES, MISTAKES, REPORT, Tested, write_figures};
use crate::data::{Dataset, fill_batch};
use crate::error::{Error, Result};
use crate::files::write_bytes;
use crate::layers::sparse_layers;
use crate::metrics::Judged;
use crate::models::Model;
use crate::tensor::Tensor;
use crate::train::{Keep, Trainer};

/// The file that `--resume` continues from.
pub const TRAINING: &str = "training.safetensors";

/// The files of a training.
pub(super) const FILES: [&str; 11] = [
    TRAINING,
    "best.safetensors",
    "last.safetensors",
    "metrics.jsonl",
    "curves.svg",
    "atoms.png",
    "predictions.png",
    FIGURES,
    MISTAKES,
    REPORT,
    RECIPE,
];

/// Number of test images in the picture of predictions.
const TILES: usize = 24;

/// The weights of each epoch, where all are kept, begin and end like this.
const EPOCH: [&str; 2] = ["epoch-", ".safetensors"];

/// The weights that a training keeps in this folder.
pub(super) fn weights_in(folder: &Path) -> Vec<PathBuf> {
    let is_weights = |path: &PathBuf| path.extension().is_some_and(|e| e == "safetensors") && !path.ends_with(TRAINING);
    files_in(folder).into_iter().filter(is_weights).collect()
}

/// The files of a training in this folder, as far as there are any.
pub(super) fn files_in(folder: &Path) -> Vec<PathBuf> {
    let named = FILES.iter().map(|name| folder.join(name)).filter(|path| path.exists());
    let is_epoch = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        let number = name.and_then(|name| name.strip_prefix(EPOCH[0])?.strip_suffix(EPOCH[1]));
        number.is_some_and(|number| number.parse::<usize>().is_ok())
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut epochs = entries.filter(is_epoch).collect::<Vec<_>>();
    epochs.sort();
    named.chain(epochs).chain(tensorboard::files_in(folder)).collect()
}

/// Writes weights, state, metrics, curves, and what the kept weights make of the test images, after an epoch.
pub(super) fn write_epoch(out: &Path, trainer: &Trainer, best: bool, test: &Dataset, judged: &Judged) -> Result<()> {
    let keep = trainer.config().keep;
    let epoch = trainer.progress().history.len();
    let weights = [
        ("last.safetensors".to_owned(), keep != Keep::Best),
        ("best.safetensors".to_owned(), keep != Keep::Last && best),
        (format!("{}{epoch:04}{}", EPOCH[0], EPOCH[1]), keep == Keep::All),
    ];
    for (name, _) in weights.iter().filter(|(_, kept)| *kept) {
        checkpoint::save(&out.join(name), trainer.tested(), trainer.recipe(), &Attachments::new())?;
    }
    // What an earlier choice has kept is out of date from here on.
    let stale = match keep {
        Keep::Best => Some("last.safetensors"),
        Keep::Last => Some("best.safetensors"),
        Keep::Both | Keep::All => None,
    };
    if let Some(path) = stale.map(|name| out.join(name)).filter(|path| path.exists()) {
        std::fs::remove_file(&path).map_err(|e| Error::io(&path, e))?;
    }
    if best || keep == Keep::Last {
        let tested = Tested {
            weights: weights[usize::from(keep != Keep::Last)].0.clone(),
            data: test.name.clone(),
            adapter: trainer.model().gpu().adapter().name.clone(),
            class_names: trainer.recipe().class_names.clone(),
            figures: judged.figures(),
        };
        write_figures(out, &tested, test, judged)?;
    }
    trainer.save(&out.join(TRAINING))?;
    recipe::write(out, trainer)?;
    let history = &trainer.progress().history;
    let lines = history.iter().map(to_json).collect::<Result<Vec<_>>>()?;
    write_bytes(&out.join("metrics.jsonl"), format!("{}\n", lines.join("\n")).as_bytes())?;
    let points = history.iter().map(EpochPoint::from);
    write_svg(&out.join("curves.svg"), pictures::training_curves_svg(&points.collect::<Vec<_>>()))
}

/// Draws the dictionary of the first layer, and some test images with what the network says of them.
pub(super) fn write_pictures(out: &Path, trainer: &Trainer, test: &Dataset) -> Result<()> {
    write_atoms(&out.join("atoms.png"), trainer)?;
    write_predictions(&out.join("predictions.png"), trainer, test)
}

/// Writes nothing for a network without a dictionary.
fn write_atoms(path: &Path, trainer: &Trainer) -> Result<()> {
    atoms_of(trainer)?.map_or(Ok(()), |(_, picture)| write_png(path, &picture))
}

/// The name and the atoms of the first layer that has any.
pub(super) fn atoms_of(trainer: &Trainer) -> Result<Option<(String, Picture)>> {
    let layers = sparse_layers(trainer.tested());
    let Some((name, csc)) = layers.first() else { return Ok(None) };
    let &[atoms, kernel, _, channels] = csc.weight().shape() else { return Ok(None) };
    Ok(Some((name.clone(), pictures::atoms(&csc.weight().to_vec()?, atoms, kernel, channels))))
}

fn write_predictions(path: &Path, trainer: &Trainer, test: &Dataset) -> Result<()> {
    let indices = spread(test.len(), TILES);
    let recipe = trainer.recipe().clone();
    let Some(normalization) = &recipe.normalization else { return Ok(()) };
    let (pixels, _) = fill_batch(test, &indices, normalization, None, 0, 0)?;
    let gpu = trainer.model().gpu();
    let size = [test.height, test.width, test.channels];
    let x = Tensor::from_slice(gpu, &[indices.len(), size[0], size[1], size[2]], &pixels)?;
    let scores = trainer.tested().predict(&x)?.to_vec()?;
    let images = indices.iter().map(|&index| test.image(index as usize)).collect::<Result<Vec<_>>>()?;
    let tile = |(place, scores): (usize, &[f32])| {
        let sample = indices[place] as usize;
        Tile::judged(&images[place], size, usize::from(test.labels[sample]), scores, &recipe.class_names)
    };
    let tiles = scores.chunks_exact(recipe.model.classes).enumerate().map(tile).collect::<Vec<_>>();
    write_png(path, &pictures::predictions(&tiles))
}

/// `count` indices below `len`, or all of them, evenly spread.
pub(super) fn spread(len: usize, count: usize) -> Vec<u32> {
    let count = count.min(len);
    (0..count).map(|i| (i * len / count) as u32).collect()
}
