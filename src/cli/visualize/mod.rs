//! `sdnet visualize`

mod attribution;
mod figures;
mod lambdas;
mod layers;
mod subject;

use std::path::PathBuf;

use clap::Args;

use super::args::{InputArgs, one_of};
use super::console::{note, to_json};
use super::pictures::{Picture as Pixels, write_png};
use crate::error::{Error, Result};
use crate::files::{check_folder, create_dir, write_bytes};
use crate::models::Stage;
use crate::named::named;
use crate::robust::corrupt::{Corruption, Kind};
use figures::Figures;
use subject::Subject;

const FIGURES: &str = "figures.json";

#[derive(Debug, Args)]
pub struct VisualizeArgs {
    /// Image to look at (PNG, JPEG, WebP, BMP, GIF, TIFF), brought to the size of the data's images [default: a test image]
    image: Option<PathBuf>,
    #[command(flatten)]
    input: InputArgs,
    /// Folder for the pictures and figures.json
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// In place of a file: the image of this number among the data's test images, counted from 0 [default: 0]
    #[arg(long, value_name = "N", conflicts_with = "image")]
    index: Option<usize>,
    /// Write these pictures alone [default: all]
    #[arg(long, value_name = "PICTURE[,..]", value_delimiter = ',', value_parser = one_of::<Picture>(Picture::ALL.map(Picture::name)))]
    only: Vec<Picture>,
    /// Steps of gradient descent by which images are found again, for inversion.png; 0 leaves them out [default: 200]
    #[arg(long, value_name = "N")]
    descent: Option<u32>,
    /// Kind of noise, for noise.png [default: gaussian]
    #[arg(long, value_parser = one_of::<Kind>(Kind::ALL.map(Kind::name)))]
    noise: Option<Kind>,
    /// Level of the noise, for noise.png: standard deviation where pixels are 0 to 1 (gaussian, speckle), photons of a white pixel
    /// (shot), share of pixels lost (impulse), half-size in pixels (occlusion) [default: the third of five severities]
    #[arg(long, value_name = "X")]
    level: Option<f32>,
    /// Stage whose map Grad-CAM weighs, for attribution.png [default: layer4]
    #[arg(long, value_parser = one_of::<Stage>(Stage::ALL.map(Stage::name)))]
    stage: Option<Stage>,
    /// Steps of integrated gradients, for attribution.png [default: 32]
    #[arg(long, value_name = "N")]
    steps: Option<usize>,
    /// Seed of the noise, and of the images that gradient descent starts from [default: 0]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Print the figures as one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// A picture that the command writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Picture {
    Atoms,
    Codes,
    Inversion,
    Lambda,
    Noise,
    Attribution,
}

named!(Picture as "only" {
    Atoms = "atoms",
    Codes = "codes",
    Inversion = "inversion",
    Lambda = "lambda",
    Noise = "noise",
    Attribution = "attribution",
});

pub fn run(options: &VisualizeArgs) -> Result<()> {
    let wanted = wanted(options)?;
    let noise = options.noise.unwrap_or(Kind::Gaussian);
    let corruption = Corruption::new(noise, options.level.unwrap_or(noise.severities()[2]))?;
    let names = wanted.iter().map(|picture| format!("{picture}.png")).chain([FIGURES.to_owned()]).collect::<Vec<_>>();
    check_folder(&options.out, &names.iter().map(String::as_str).collect::<Vec<_>>())?;
    let subject = Subject::load(options)?;
    if subject.layers.is_empty() && wanted.iter().any(|picture| *picture != Picture::Attribution) {
        let reason = "holds a network without sparse coding layers: give --only attribution, which needs none";
        return Err(Error::file(&options.input.weights.path, reason));
    }
    let mut figures = Figures::of(&subject)?;
    let mut pictures = Vec::new();
    for picture in wanted {
        let drawn = match picture {
            Picture::Atoms => layers::atoms(&subject)?,
            Picture::Codes => layers::codes(&subject, &figures)?,
            Picture::Inversion => layers::inversion(&subject, options, &mut figures)?,
            Picture::Lambda => lambdas::strip(&subject, &mut figures)?,
            Picture::Noise => lambdas::noise(&subject, corruption, options.seed.unwrap_or(0), &mut figures)?,
            Picture::Attribution => attribution::draw(&subject, options, &mut figures)?,
        };
        pictures.push((picture, drawn));
    }
    write(options, &pictures, &figures)
}

/// The pictures to draw.
///
/// # Errors
/// [`Error::Argument`] for a flag that is for a picture that is not drawn.
fn wanted(options: &VisualizeArgs) -> Result<Vec<Picture>> {
    let wanted = Picture::ALL.into_iter().filter(|picture| options.only.is_empty() || options.only.contains(picture));
    let wanted = wanted.collect::<Vec<_>>();
    let flags = [
        ("descent", options.descent.map(|v| v.to_string()), Picture::Inversion),
        ("noise", options.noise.map(|v| v.to_string()), Picture::Noise),
        ("level", options.level.map(|v| v.to_string()), Picture::Noise),
        ("stage", options.stage.map(|v| v.to_string()), Picture::Attribution),
        ("steps", options.steps.map(|v| v.to_string()), Picture::Attribution),
    ];
    for (flag, value, of) in flags {
        if let (Some(value), false) = (value, wanted.contains(&of)) {
            return Err(Error::argument(flag, value, format!("is for {of}.png, which --only leaves out")));
        }
    }
    if let (Some(seed), false) =
        (options.seed, wanted.contains(&Picture::Noise) || wanted.contains(&Picture::Inversion))
    {
        return Err(Error::argument("seed", seed, "is for noise.png and inversion.png, which --only leaves out"));
    }
    for (name, value, most) in
        [("steps", options.steps.map(|v| v as u64), 10_000), ("descent", options.descent.map(u64::from), 100_000)]
    {
        if let Some(value) = value.filter(|value| *value > most) {
            return Err(Error::argument(name, value, format!("must be at most {most}")));
        }
    }
    Ok(wanted)
}

fn write(options: &VisualizeArgs, pictures: &[(Picture, Pixels)], figures: &Figures) -> Result<()> {
    create_dir(&options.out)?;
    for (picture, pixels) in pictures {
        write_png(&options.out.join(format!("{picture}.png")), pixels)?;
    }
    write_bytes(&options.out.join(FIGURES), format!("{}\n", to_json(figures)?).as_bytes())?;
    if options.json {
        return say!("{}", to_json(figures)?);
    }
    for old in Picture::ALL.iter().filter(|picture| pictures.iter().all(|(drawn, _)| drawn != *picture)) {
        let path = options.out.join(format!("{old}.png"));
        if path.exists() {
            note(format_args!("note: {} is of an earlier call", path.display()));
        }
    }
    let of_layers = [Picture::Atoms, Picture::Codes, Picture::Inversion];
    say!("{}", figures.text(pictures.iter().any(|(picture, _)| of_layers.contains(picture))))?;
    let names = pictures.iter().map(|(picture, _)| format!("{picture}.png")).collect::<Vec<_>>().join(", ");
    say!("{}: {names}, {FIGURES}", options.out.display())
}
