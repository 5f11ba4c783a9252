//! A folder, read as training would read it.

use serde::Serialize;

use super::pictures::Pictures;
use crate::data::{Corrupted, DataSource, Dataset, HoldOut, Layout, SEVERITIES, Split, load};
use crate::error::Result;

/// The share that is suggested to be held out.
const HOLD_OUT: &str = "0.1";

/// What was found.
#[derive(Debug, Serialize)]
pub(super) struct Checked {
    pub data: String,
    /// The layout, in words; none where nothing is recognised.
    pub layout: Option<String>,
    /// Whether it can be trained on, or only tested on.
    pub for_training: bool,
    pub splits: Vec<Found>,
    pub pictures: Option<Pictures>,
    /// Sets of corrupted images.
    pub corruptions: Vec<Corruption>,
    /// What would be refused, a sentence each.
    pub refused: Vec<String>,
    /// What would be said on the way, a sentence each.
    pub notes: Vec<String>,
    /// The flags to give, with which the splits were read.
    pub flags: Vec<String>,
}

/// One split.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    pub split: &'static str,
    pub images: usize,
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    pub classes: Vec<Class>,
}

/// One class of a split.
#[derive(Debug, Serialize)]
pub(super) struct Class {
    pub name: String,
    pub images: usize,
}

/// One file of corrupted images.
#[derive(Debug, Serialize)]
pub(super) struct Corruption {
    pub name: String,
    pub severities: usize,
    /// At each severity.
    pub images: usize,
    pub height: usize,
    pub width: usize,
    pub channels: usize,
}

/// Checks these data. What is wrong with them is part of the answer.
pub(super) fn checked(given: &DataSource) -> Checked {
    let layout = given.layout();
    let mut checked = Checked {
        data: given
            .root
            .as_ref()
            .map_or_else(|| given.name.clone(), |root| format!("{} in {}", given.name, root.display())),
        layout: layout.as_ref().map(words),
        for_training: !matches!(layout, Some(Layout::ArrayFile | Layout::Corrupted)),
        splits: Vec::new(),
        pictures: None,
        corruptions: Vec::new(),
        refused: Vec::new(),
        notes: Vec::new(),
        flags: Vec::new(),
    };
    let done = match &layout {
        Some(Layout::Corrupted) => corrupted(given, &mut checked),
        Some(layout) => images(given, layout, &mut checked),
        None => load(given, Split::Train).map(drop),
    };
    checked.refused.extend(done.err().map(|error| error.to_string()));
    checked
}

fn words(layout: &Layout) -> String {
    match layout {
        Layout::Named => "a data set that goes by its name".into(),
        Layout::Idx => "IDX files".into(),
        Layout::Arrays => "NumPy files of both splits".into(),
        Layout::ArrayFile => "one NumPy file, with labels.npy beside it".into(),
        Layout::Corrupted => "corrupted images at five severities, as in CIFAR-10-C".into(),
        Layout::Cifar { name, version } => format!("{name}, {version}"),
        Layout::Splits(_) => "folders of splits, with a folder of images for each class".into(),
        Layout::Classes => "a folder of images for each class, without images to test on".into(),
    }
}

/// Reads both splits, with the flags that they need.
fn images(given: &DataSource, layout: &Layout, checked: &mut Checked) -> Result<()> {
    let mut source = given.clone();
    let data =
        given.root.as_ref().map_or_else(|| given.name.clone(), |root| root.join(&given.name).display().to_string());
    match layout {
        Layout::Named => {
            checked.flags.push(format!("--data {}", quoted(&given.name)));
            checked
                .flags
                .extend(given.root.iter().map(|root| format!("--root {}", quoted(&root.display().to_string()))));
        }
        Layout::Cifar { name, .. } => {
            source = DataSource { name: (*name).into(), root: Some(data.clone().into()), ..given.clone() };
            checked.flags.extend([format!("--data {name}"), format!("--root {}", quoted(&data))]);
        }
        _ => checked.flags.push(format!("--data {}", quoted(&data))),
    }
    checked.pictures = Pictures::of(given, layout)?;
    if let Some(pictures) = &checked.pictures {
        source.size = given.size.or(pictures.common_size().map(|side| [side; 2]));
        if given.hold_out.is_none() && given.can_hold_out() {
            source.hold_out = Some(HOLD_OUT.parse::<HoldOut>()?);
        }
        checked.refused.extend(pictures.damaged.iter().cloned());
    }
    checked.flags.extend(source.size.map(|[height, width]| match height == width {
        true => format!("--size {height}"),
        false => format!("--size {height}x{width}"),
    }));
    let colour = source.background.map(|[r, g, b]| format!("--background '#{r:02x}{g:02x}{b:02x}'"));
    checked.flags.extend(colour);
    checked.flags.extend(source.hold_out.map(|share| format!("--hold-out {share}")));
    if !checked.refused.is_empty() {
        return Ok(());
    }
    let mut read = Vec::new();
    for split in if checked.for_training { &[Split::Train, Split::Test][..] } else { &[Split::Test] } {
        match load(&source, *split) {
            Ok(data) => read.push((*split, data)),
            Err(error) => checked.refused.push(error.to_string()),
        }
    }
    for (split, data) in &read {
        checked.notes.extend(data.notes.iter().cloned());
        checked.splits.push(found(*split, data));
        if *split == Split::Train {
            checked.refused.extend(data.check_for_training().err().map(|error| error.to_string()));
        }
    }
    if let [(_, train), (_, test)] = &read[..] {
        together(train, test, checked);
    }
    Ok(())
}

/// What is odd about the splits of one data set.
fn together(train: &Dataset, test: &Dataset, checked: &mut Checked) {
    if (train.height, train.width) != (test.height, test.width) {
        checked.refused.push(format!(
            "training images have {}x{} pixels (height x width), test images {}x{}",
            train.height, train.width, test.height, test.width
        ));
    }
    if train.channels != test.channels {
        let text = format!("training images have {} channels, test images {}", train.channels, test.channels);
        checked.refused.push(text);
    }
    let [of_train, of_test] = [train, test].map(counts);
    let lacking = |counts: &[Class], others: &[Class]| {
        let names = counts.iter().filter(|class| class.images == 0 && has(others, &class.name));
        names.map(|class| class.name.clone()).collect::<Vec<_>>()
    };
    for (what, names) in [("train on", lacking(&of_train, &of_test)), ("test on", lacking(&of_test, &of_train))] {
        if !names.is_empty() {
            checked.notes.push(format!("there are no images to {what} of {}", names.join(", ")));
        }
    }
}

fn has(classes: &[Class], name: &str) -> bool {
    classes.iter().any(|class| class.name == name && class.images > 0)
}

fn found(split: Split, data: &Dataset) -> Found {
    let &Dataset { height, width, channels, .. } = data;
    let split = if split == Split::Train { "train" } else { "test" };
    Found { split, images: data.len(), height, width, channels, classes: counts(data) }
}

fn counts(data: &Dataset) -> Vec<Class> {
    let mut counts = vec![0; data.classes];
    data.labels.iter().for_each(|label| counts[usize::from(*label)] += 1);
    let names = data.class_names.iter().cloned();
    names.zip(counts).map(|(name, images)| Class { name, images }).collect()
}

/// Holds every file of corrupted images against the labels, and reads the last block of each.
fn corrupted(given: &DataSource, checked: &mut Checked) -> Result<()> {
    let Some(folder) = given.corrupted()? else { return Ok(()) };
    for name in folder.names() {
        match one(&folder, name) {
            Ok(corruption) => checked.corruptions.push(corruption),
            Err(error) => checked.refused.push(error.to_string()),
        }
    }
    checked.flags.push(format!("--data {}", quoted(&folder.folder().display().to_string())));
    Ok(())
}

fn one(folder: &Corrupted, name: &str) -> Result<Corruption> {
    let [height, width, channels] = folder.size(name)?;
    folder.images(name, SEVERITIES)?;
    Ok(Corruption { name: name.into(), severities: SEVERITIES, images: folder.len(), height, width, channels })
}

/// As a shell takes it.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:=@%".contains(c);
    if text.chars().all(plain) && !text.is_empty() {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_quoted_for_the_shell() {
        assert_eq!(quoted("runs/a-b_c.1"), "runs/a-b_c.1");
        assert_eq!(quoted("my pets"), "'my pets'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted(""), "''");
    }
}
