//! Results as text, CSV, JSON, or an array of scores.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::console::{print, to_csv, to_json};
use crate::error::{Error, Result};
use crate::files::{check_output_of, write_bytes, write_npy};

/// The form of the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One line an image: its name, its class, the probability
    Text,
    /// One row an image, after a row of headings
    Csv,
    /// One array, with an object for each image
    Json,
    /// The class scores (logits), float32 [n, classes]
    Npy,
}

impl Format {
    /// The endings of the names of its files.
    fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Text => &["txt", ""],
            Self::Csv => &["csv"],
            Self::Json => &["json"],
            Self::Npy => &["npy"],
        }
    }

    /// The format that the ending of a file's name stands for, if it stands for one.
    fn of(path: &Path) -> Option<Self> {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        [Self::Text, Self::Csv, Self::Json, Self::Npy].into_iter().find(|format| format.endings().contains(&&*ending))
    }
}

/// A class and its probability, by softmax of the scores.
#[derive(Serialize)]
struct Guess<'a> {
    class: &'a str,
    probability: f64,
}

/// One image in JSON.
#[derive(Serialize)]
struct Row<'a> {
    image: &'a str,
    class: &'a str,
    probability: f64,
    top: Vec<Guess<'a>>,
}

/// Where the results go. What is printed comes as soon as it is known; a file is written at the end, as a whole.
pub(super) struct Output {
    path: Option<PathBuf>,
    format: Format,
    classes: Vec<String>,
    top: usize,
    images: usize,
    text: Vec<u8>,
    scores: Vec<f32>,
}

impl Output {
    /// # Errors
    /// [`Error::Argument`] for an array without a file, [`Error::File`] for an ending that says nothing.
    pub(super) fn new(path: Option<&Path>, format: Option<Format>) -> Result<Self> {
        let format = match (format, path) {
            (Some(Format::Npy), None) => {
                return Err(Error::argument(
                    "format",
                    "npy",
                    "an array is not for the screen: name a file by --output",
                ));
            }
            (Some(format), Some(path)) => match Format::of(path) {
                Some(other) if other != format && path.extension().is_some() => {
                    return Err(Error::file(
                        path,
                        "has the ending of another format than --format says; change one of them",
                    ));
                }
                _ => format,
            },
            (Some(format), None) => format,
            (None, Some(path)) => Format::of(path).ok_or_else(|| {
                Error::file(path, "ends in none of .txt, .csv, .json and .npy; say which by --format")
            })?,
            (None, None) => Format::Text,
        };
        let (text, scores) = Default::default();
        Ok(Self { path: path.map(Path::to_owned), format, classes: Vec::new(), top: 1, images: 0, text, scores })
    }

    /// Finds out whether the file can be written.
    pub(super) fn check(&self) -> Result<()> {
        self.path.as_ref().map_or(Ok(()), |path| check_output_of(path, self.format.endings()))
    }

    /// Whether the results are the class scores.
    pub(super) fn is_array(&self) -> bool {
        self.format == Format::Npy
    }

    /// Begins with what comes before the first image; at most `top` classes are shown.
    pub(super) fn begin(&mut self, classes: usize, name: impl Fn(usize) -> String, top: usize) -> Result<()> {
        self.classes = (0..classes).map(name).collect();
        self.top = top.min(classes);
        match self.format {
            Format::Csv => {
                let numbers = (1..=self.top).map(|n| if self.top == 1 { String::new() } else { format!("_{n}") });
                let pairs = numbers.flat_map(|n| [format!("class{n}"), format!("probability{n}")]);
                self.write(&csv_line(std::iter::once("image".to_owned()).chain(pairs))?)
            }
            Format::Json => self.write("["),
            Format::Text | Format::Npy => Ok(()),
        }
    }

    /// An image is missing from the results.
    ///
    /// # Errors
    /// [`Error::File`] for an array, whose rows go by position.
    pub(super) fn allow_gap(&self, error: &Error) -> Result<()> {
        match (self.format, &self.path) {
            (Format::Npy, Some(path)) => {
                Err(Error::file(path, format!("is not written, since an array can have no gap and {error}")))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn image(&mut self, name: &str, scores: &[f32]) -> Result<()> {
        self.images += 1;
        if self.format == Format::Npy {
            self.scores.extend(scores);
            return Ok(());
        }
        let best = best(scores, self.top);
        let top = best.iter().map(|&(class, probability)| Guess { class: &self.classes[class], probability });
        let top = top.collect::<Vec<_>>();
        let line = match self.format {
            Format::Csv => {
                let pairs = top.iter().flat_map(|g| [g.class.to_owned(), format!("{:.6}", g.probability)]);
                csv_line(std::iter::once(name.to_owned()).chain(pairs))?
            }
            Format::Json => {
                let comma = if self.images == 1 { "\n  " } else { ",\n  " };
                let Guess { class, probability } = top[0];
                format!("{comma}{}", to_json(&Row { image: name, class, probability, top })?)
            }
            Format::Text | Format::Npy => {
                let said = top.iter().map(|g| format!("{} {:.1} %", g.class, 100.0 * g.probability));
                // A line is an image, whatever its name.
                let name = name.replace(|c: char| c.is_control(), "\u{fffd}");
                format!("{name}: {}\n", said.collect::<Vec<_>>().join(", "))
            }
        };
        self.write(&line)
    }

    /// Writes the file, if there is one and any result for it.
    pub(super) fn finish(mut self) -> Result<()> {
        if self.format == Format::Json {
            self.write("\n]\n")?;
        }
        let Some(path) = self.path.as_ref().filter(|_| self.images > 0) else { return Ok(()) };
        if self.format == Format::Npy {
            write_npy(path, &[self.images, self.classes.len()], &self.scores)?;
            return say!("{} images, {} scores each, to {}", self.images, self.classes.len(), path.display());
        }
        write_bytes(path, &self.text)?;
        say!("{} images, to {}", self.images, path.display())
    }

    fn write(&mut self, text: &str) -> Result<()> {
        if self.path.is_some() {
            self.text.extend(text.as_bytes());
            return Ok(());
        }
        print(format_args!("{text}"))
    }
}

/// The classes of the highest scores and their probabilities, by softmax; of equal scores, the lower class comes first.
fn best(scores: &[f32], count: usize) -> Vec<(usize, f64)> {
    let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weight = |score: f32| (f64::from(score) - f64::from(highest)).exp();
    let total = scores.iter().copied().map(weight).sum::<f64>();
    let mut order = (0..scores.len()).collect::<Vec<_>>();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    order.into_iter().take(count).map(|class| (class, weight(scores[class]) / total)).collect()
}

fn csv_line(fields: impl Iterator<Item = String>) -> Result<String> {
    to_csv(&[fields.collect()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_probable_come_first() {
        let best = best(&[0.0, 2.0_f32.ln(), 5.0_f32.ln(), 0.0], 3);
        assert_eq!(best.iter().map(|b| b.0).collect::<Vec<_>>(), [2, 1, 0]);
        assert!(best.iter().zip([5.0 / 9.0, 2.0 / 9.0, 1.0 / 9.0]).all(|(b, p)| (b.1 - p).abs() < 1e-6));
    }

    #[test]
    fn each_format_holds_names_with_commas_and_quotes() {
        let rows = |format, top| {
            let mut output = Output::new(Some(Path::new("x")), Some(format)).unwrap();
            output.begin(2, |class| ["a, b", "\"c\""][class].to_owned(), top).unwrap();
            output.image("one, two.png", &[0.0, 0.0]).unwrap();
            String::from_utf8(output.text).unwrap()
        };
        assert_eq!(rows(Format::Text, 1), "one, two.png: a, b 50.0 %\n");
        assert_eq!(rows(Format::Csv, 1), "image,class,probability\n\"one, two.png\",\"a, b\",0.500000\n");
        assert!(rows(Format::Csv, 9).starts_with("image,class_1,probability_1,class_2,probability_2\n"));
        assert!(rows(Format::Json, 2).contains(r#"{"class":"\"c\"","probability":0.5}"#));
    }

    #[test]
    fn the_ending_of_the_file_names_the_format() {
        let of = |path: &str| Output::new(Some(Path::new(path)), None).map(|output| output.format);
        assert_eq!(of("a.CSV").unwrap(), Format::Csv);
        assert_eq!(of("a").unwrap(), Format::Text);
        assert!(of("a.xlsx").unwrap_err().to_string().contains("--format"));
        assert!(Output::new(None, Some(Format::Npy)).is_err());
    }
}
