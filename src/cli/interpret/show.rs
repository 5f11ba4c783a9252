//! The picture.

use std::path::Path;

use super::report::{Near, Report};
use super::{Setting, Shown};
use crate::cli::pictures::{self, Heated, write_png};
use crate::data::Dataset;
use crate::error::Result;
use crate::interpret::{Interpretation, Maps};

/// Similar images in a row.
const COLUMNS: usize = 6;

/// Writes the image and the images most similar to it, by either distance, with heat maps.
pub(super) fn write(
    out: &Path,
    setting: &Setting,
    shown: &Shown,
    found: &Interpretation,
    report: &Report,
) -> Result<()> {
    let size = [shown.wanted.image.height, shown.wanted.image.width];
    let heated = |images: &Dataset, maps: &Maps, i: usize, caption: [String; 2]| -> Result<Heated> {
        Ok(Heated { pixels: images.image(i)?.into_owned(), heat: found.heat(maps.get(i).map, size), caption })
    };
    let row = |near: &[Near]| {
        let image = heated(&shown.wanted.image, &shown.maps, 0, [report.class.clone(), "the image".into()]);
        let others = near.iter().take(COLUMNS).map(|near| {
            let caption = [near.label.clone(), format!("{:.3}", near.distance)];
            heated(&setting.reference_images, &setting.reference, near.reference, caption)
        });
        std::iter::once(image).chain(others).collect::<Result<Vec<_>>>()
    };
    let rows = [
        ("most similar by semantic distance".to_owned(), row(&report.similar)?),
        ("most similar by Euclidean distance".to_owned(), row(&report.euclidean)?),
    ];
    let shape = [size[0], size[1], shown.wanted.image.channels];
    write_png(out, &pictures::interpretation(&title(report), shape, &rows))
}

fn title(report: &Report) -> String {
    let Report { class, stage, kept, .. } = report;
    let degenerate = if report.degenerate { "; degenerate" } else { "" };
    format!("{class} behind {stage}: {kept} boundaries{degenerate}")
}
