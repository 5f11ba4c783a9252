//! Atoms, codes and inversions of every sparse coding layer.

use super::VisualizeArgs;
use super::figures::{Figures, decibels};
use super::subject::{Subject, psnr};
use crate::cli::console::bar;
use crate::cli::pictures::{Panel, PanelRow, Picture, atoms as drawn_atoms, panels};
use crate::error::Result;
use crate::tensor::Tensor;
use crate::visualize::{Coded, Contrast, Syntheses, atoms_by_gradient, by_descent};

/// The most atoms of a layer, and the most maps of codes, that are drawn.
const ATOMS: usize = 32;
const MAPS: usize = 8;

/// Values below this share of the largest do not count for the size of an atom.
const VISIBLE: f32 = 0.02;

/// The atoms of every layer: those that see the image as they are, others in pixels.
pub(super) fn atoms(subject: &Subject) -> Result<Picture> {
    let syntheses = Syntheses::new(subject.model())?;
    let mut rows = Vec::new();
    for (place, coded) in subject.layers.iter().enumerate() {
        let (pixels, how) = match syntheses.obstacle(place) {
            None => (syntheses.atoms(place, &subject.layers)?, "by the syntheses below"),
            Some(_) => (
                atoms_by_gradient(subject.model(), &coded.layer, &subject.image)?,
                "what raises its largest code in this image",
            ),
        };
        let count = pixels.shape()[0];
        let shown = if count > ATOMS { format!("{ATOMS} of {count}") } else { count.to_string() };
        let title = format!("{}: {shown} atoms in pixels, {how}", coded.layer);
        rows.push(PanelRow { title, panels: vec![Panel { picture: atom_tiles(&pixels)?, lines: Vec::new() }] });
    }
    Ok(panels(&subject.title("Atoms"), &rows))
}

/// The atoms, cut to the smallest square in which all of them can be seen.
fn atom_tiles(pixels: &Tensor) -> Result<Picture> {
    let &[count, height, width, channels] = pixels.shape() else { return Ok(drawn_atoms(&[], 0, 1, 1)) };
    let (values, len) = (pixels.to_vec()?, height * width * channels);
    let (mut top, mut left, mut bottom, mut right) = (height, width, 0, 0);
    for atom in values.chunks_exact(len) {
        let least = VISIBLE * atom.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        for (place, _) in atom.chunks_exact(channels).enumerate().filter(|(_, p)| p.iter().any(|v| v.abs() > least)) {
            let (y, x) = (place / width, place % width);
            (top, left, bottom, right) = (top.min(y), left.min(x), bottom.max(y), right.max(x));
        }
    }
    let side = (bottom.saturating_sub(top)).max(right.saturating_sub(left)) + 1;
    let (top, left) = (top.min(height.saturating_sub(side)), left.min(width.saturating_sub(side)));
    let mut tiles = Vec::with_capacity(count.min(ATOMS) * side * side * channels);
    for atom in values.chunks_exact(len).take(ATOMS) {
        for place in 0..side * side {
            let (y, x) = (top + place / side, left + place % side);
            match y < height && x < width {
                true => tiles.extend_from_slice(&atom[(y * width + x) * channels..][..channels]),
                false => tiles.extend(std::iter::repeat_n(0.0, channels)),
            }
        }
    }
    Ok(drawn_atoms(&tiles, count.min(ATOMS), side, channels))
}

/// For every layer, the maps of codes that hold the most energy.
pub(super) fn codes(subject: &Subject, figures: &Figures) -> Result<Picture> {
    let image = Panel::image(&subject.pixels, subject.size(), Vec::new());
    let mut rows = vec![PanelRow { title: "the image".into(), panels: vec![image] }];
    for (coded, figures) in subject.layers.iter().zip(&figures.layers) {
        let [height, width, atoms] = figures.codes;
        let (maps, zero) = strongest_maps(coded, figures.codes)?;
        let title = format!(
            "{}: {atoms} maps of {height}x{width}, {zero} of them zero; {:.1} % of the codes active, residual {:.1} %",
            figures.layer,
            100.0 * figures.active,
            100.0 * figures.residual
        );
        rows.push(PanelRow { title, panels: maps });
    }
    Ok(panels(&subject.title("Codes"), &rows))
}

/// The maps with the most energy, and how many have none.
fn strongest_maps(coded: &Coded, [height, width, atoms]: [usize; 3]) -> Result<(Vec<Panel>, usize)> {
    let values = coded.codes.to_vec()?;
    let map = |atom: usize| values.iter().skip(atom).step_by(atoms).map(|v| v.abs()).collect::<Vec<_>>();
    let energy = |atom: usize| map(atom).iter().map(|v| v * v).sum::<f32>();
    let mut order = (0..atoms).map(|atom| (energy(atom), atom)).filter(|(energy, _)| *energy > 0.0).collect::<Vec<_>>();
    let zero = atoms - order.len();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    let panel = |(_, atom): &(f32, usize)| Panel::map(&map(*atom), [height, width], vec![format!("atom {atom}")]);
    Ok((order.iter().take(MAPS).map(panel).collect(), zero))
}

/// The image again, from the codes of every layer.
pub(super) fn inversion(subject: &Subject, options: &VisualizeArgs, figures: &mut Figures) -> Result<Picture> {
    let image = Panel::image(&subject.pixels, subject.size(), Vec::new());
    let mut rows = vec![PanelRow { title: "the image".into(), panels: vec![image] }];
    let syntheses = Syntheses::new(subject.model())?;
    let (mut kept, mut fitted) = (Vec::new(), Vec::new());
    for place in (0..subject.layers.len()).filter(|place| syntheses.obstacle(*place).is_none()) {
        let codes = &subject.layers[place].codes;
        let of = |contrast| inverted(subject, place, &syntheses.images(place, codes, &subject.layers, contrast)?);
        let ((panel, ratio), (fitted_panel, fitted_ratio)) = (of(Contrast::Kept)?, of(Contrast::Fitted)?);
        figures.layers[place].psnr_by_synthesis = Some(ratio);
        figures.layers[place].psnr_by_fitted_synthesis = Some(fitted_ratio);
        kept.push(panel);
        fitted.push(fitted_panel);
    }
    let hindered = (0..subject.layers.len()).filter_map(|place| syntheses.obstacle(place)).collect::<Vec<_>>();
    let left_out =
        hindered.first().map_or(String::new(), |first| format!("; not from {} layers: {first}", hindered.len()));
    rows.push(PanelRow { title: format!("by the syntheses of the layers below{left_out}"), panels: kept });
    rows.push(PanelRow { title: "the same, each synthesis fitted in contrast".into(), panels: fitted });
    let steps = options.descent.unwrap_or(200);
    if steps > 0 {
        let (mut by_steps, progress) = (Vec::new(), bar(subject.layers.len()));
        progress.set_prefix("layers inverted");
        for (place, Coded { layer, codes, .. }) in subject.layers.iter().enumerate() {
            let found =
                by_descent(subject.model(), layer, codes, subject.image.shape(), steps, options.seed.unwrap_or(0))?;
            let (panel, ratio) = inverted(subject, place, &found)?;
            figures.layers[place].psnr_by_descent = Some(ratio);
            by_steps.push(panel);
            progress.inc(1);
        }
        progress.finish_and_clear();
        let title = format!("by {steps} steps of gradient descent towards the layer's codes");
        rows.push(PanelRow { title, panels: by_steps });
    }
    Ok(panels(&subject.title("Inversion"), &rows))
}

fn inverted(subject: &Subject, place: usize, found: &Tensor) -> Result<(Panel, f64)> {
    let pixels = subject.normalization.undo(&found.to_vec()?);
    let ratio = psnr(&subject.pixels, &pixels);
    let lines = vec![short_name(&subject.layers[place].layer), decibels(ratio, 1)];
    Ok((Panel::image(&pixels, subject.size(), lines), ratio))
}

/// A layer's name without what all names have.
fn short_name(layer: &str) -> String {
    layer.replace(".layers.", ".")
}
