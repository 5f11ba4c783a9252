//! The check of a folder, for people.

use super::check::{Checked, Class, Found};
use super::pictures::Pictures;

/// Classes and sizes that are shown; the rest is counted.
const SHOWN: usize = 24;

/// Refusals that are shown.
const REFUSALS: usize = 50;

/// What was found, what would be refused, and what to do.
pub(super) fn report(checked: &Checked) -> String {
    let mut lines = vec![match &checked.layout {
        Some(layout) => format!("{}: {layout}", checked.data),
        None => format!("{}: nothing that is read", checked.data),
    }];
    lines.extend(checked.pictures.as_ref().map(pictures));
    lines.extend(checked.splits.iter().map(split));
    for of in &checked.corruptions {
        let (severities, images) = (of.severities, of.images);
        lines
            .push(format!("{}: {severities} x {images} images of {}x{}x{}", of.name, of.height, of.width, of.channels));
    }
    lines.extend(checked.notes.iter().map(|note| format!("note: {note}")));
    lines.extend(checked.refused.iter().take(REFUSALS).map(|reason| format!("refused: {reason}")));
    if let Some(more) = checked.refused.len().checked_sub(REFUSALS).filter(|more| *more > 0) {
        lines.push(format!("refused: {more} more, which --json lists"));
    }
    let purpose = if checked.for_training { "training" } else { "testing (there is nothing to train on)" };
    if checked.refused.is_empty() {
        lines.push(format!("good for {purpose}; flags: {}", checked.flags.join(" ")));
    } else {
        lines.push(format!("not good for {purpose} as it is"));
    }
    lines.join("\n")
}

fn split(found: &Found) -> String {
    let Found { split, images, height, width, channels, classes } = found;
    let class = |class: &Class| format!("{} {}", class.name, class.images);
    let several = listed(classes.iter().map(class).collect());
    format!(
        "{split}: {images} images of {height}x{width}x{channels} (height x width x channels), {} classes: {several}",
        classes.len()
    )
}

fn pictures(of: &Pictures) -> String {
    let sizes = listed(of.sizes.iter().map(|(size, count)| format!("{count} of {size}")).collect());
    let damaged = if of.damaged.is_empty() { "none".to_owned() } else { of.damaged.len().to_string() };
    let (count, grey) = (of.count, of.grey);
    format!("{count} pictures, {grey} of them grey, {damaged} damaged; sizes (width x height): {sizes}")
}

fn listed(all: Vec<String>) -> String {
    let more = all.len().saturating_sub(SHOWN);
    let shown = all.into_iter().take(SHOWN).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}
