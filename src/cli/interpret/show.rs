//! The picture.

use std::path::Path;

use super::report::{Near, Report};
use super::{Setting, Shown};
use crate::cli::pictures::{Panel, PanelRow, panels, write_png};
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
    let image = &shown.wanted.image;
    let shape = [image.height, image.width, image.channels];
    let size = [image.height, image.width];
    let mut rows = Vec::new();
    for (near, distance) in [(&report.similar, "semantic"), (&report.euclidean, "Euclidean")] {
        let (mut images, mut heat) = (Vec::new(), Vec::new());
        let mut add = |of: &Dataset, maps: &Maps, i: usize, lines: [String; 2]| -> Result<()> {
            let pixels = of.image(i)?;
            heat.push(Panel::heated(&pixels, shape, &found.heat(maps.get(i).map, size), Vec::new()));
            images.push(Panel::image(&pixels, shape, lines.to_vec()));
            Ok(())
        };
        add(image, &shown.maps, 0, [format!("taken for {}", report.class), "the image".into()])?;
        for Near { label, distance, reference, .. } in near.iter().take(COLUMNS) {
            let lines = [label.clone(), format!("{distance:.3}")];
            add(&setting.reference_images, &setting.reference, *reference, lines)?;
        }
        rows.push(PanelRow { title: format!("most similar by {distance} distance"), panels: images });
        rows.push(PanelRow { title: "where the boundaries look".into(), panels: heat });
    }
    write_png(out, &panels(&title(report), &rows))
}

fn title(report: &Report) -> String {
    let Report { class, stage, kept, .. } = report;
    let degenerate = if report.degenerate { "; degenerate" } else { "" };
    format!("{class} behind {stage}: {kept} boundaries{degenerate}")
}
