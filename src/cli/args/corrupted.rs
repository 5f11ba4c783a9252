//! Which images of a folder of corrupted ones.

use clap::Args;

use crate::data::{Corrupted, DataSource, SEVERITIES};
use crate::error::{Error, Result};

/// Which images of a folder of corrupted ones.
#[derive(Debug, Args)]
pub struct CorruptedArgs {
    /// With a folder of corrupted images, such as CIFAR-10-C, as --data: these corruptions only, by the names of their files
    /// [default: all]
    #[arg(long, value_name = "NAME[,..]", value_delimiter = ',')]
    corruption: Vec<String>,
    /// With such a folder: these severities only, 1 to 5 [default: all]
    #[arg(long, value_name = "N[,..]", value_delimiter = ',')]
    severity: Vec<usize>,
}

/// One corruption at one severity.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    pub name: String,
    pub severity: usize,
}

impl CorruptedArgs {
    /// The blocks to run on, if the data are a folder of corrupted images; every file is held against the labels first.
    ///
    /// # Errors
    /// [`Error::Argument`] for other data with these flags, and for what the folder lacks; [`Error::File`] for files that do not fit.
    pub fn chosen(&self, source: &DataSource) -> Result<Option<(Corrupted, Vec<Block>)>> {
        let Some(folder) = source.corrupted()? else {
            let given = [("corruption", self.corruption.join(",")), ("severity", numbers(&self.severity))];
            return match given.into_iter().find(|(_, text)| !text.is_empty()) {
                Some((flag, text)) => {
                    let reason = "is for a folder of corrupted images as --data: labels.npy and a file NAME.npy for each corruption";
                    Err(Error::argument(flag, text, reason))
                }
                None => Ok(None),
            };
        };
        let names = if self.corruption.is_empty() { folder.names() } else { &self.corruption };
        let severities = if self.severity.is_empty() { (1..=SEVERITIES).collect() } else { self.severity.clone() };
        if let Some(other) = severities.iter().find(|severity| !(1..=SEVERITIES).contains(*severity)) {
            return Err(Error::argument("severity", other, format!("must be 1 to {SEVERITIES}")));
        }
        for (place, name) in names.iter().enumerate() {
            if !folder.names().contains(name) {
                return Err(Error::argument("corruption", name, format!("is none of {}", folder.names().join(", "))));
            }
            if names[..place].contains(name) {
                return Err(Error::argument("corruption", name, "is named twice"));
            }
            folder.size(name)?;
        }
        if let Some(twice) = (1..severities.len()).find(|place| severities[..*place].contains(&severities[*place])) {
            return Err(Error::argument("severity", severities[twice], "is named twice"));
        }
        let of = |name: &String| {
            severities.iter().map(|&severity| Block { name: name.clone(), severity }).collect::<Vec<_>>()
        };
        let blocks = names.iter().flat_map(of).collect();
        Ok(Some((folder, blocks)))
    }
}

fn numbers(all: &[usize]) -> String {
    all.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
}
