//! Every picture of a folder, whether it can be read or not.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::data::{DataSource, Layout, Picture, pictures_below, read_pictures};
use crate::error::Result;

/// Pictures that are decoded at a time, which bounds memory.
const AT_A_TIME: usize = 16;

/// White.
const USUAL_BACKGROUND: [u8; 3] = [255; 3];

/// What the pictures of a folder are like.
#[derive(Debug, Default, Serialize)]
pub(super) struct Pictures {
    pub count: usize,
    /// How many have a size, `WIDTHxHEIGHT`.
    pub sizes: BTreeMap<String, usize>,
    pub grey: usize,
    /// What is wrong with each that cannot be read.
    pub damaged: Vec<String>,
    /// The shorter sides.
    #[serde(skip)]
    sides: Vec<usize>,
}

impl Pictures {
    /// Decodes every picture of the folders that training would read.
    pub(super) fn of(source: &DataSource, layout: &Layout) -> Result<Option<Self>> {
        let folders = match layout {
            Layout::Splits(folders) => folders.clone(),
            Layout::Classes => {
                vec![source.root.as_ref().map_or_else(|| PathBuf::from(&source.name), |root| root.join(&source.name))]
            }
            _ => return Ok(None),
        };
        let mut paths = Vec::new();
        for folder in &folders {
            pictures_below(folder, &mut paths)?;
        }
        let mut all = Self { count: paths.len(), ..Self::default() };
        for some in paths.chunks(AT_A_TIME) {
            for picture in read_pictures(some, source.background.unwrap_or(USUAL_BACKGROUND))? {
                match picture {
                    Ok(picture) => all.add(&picture),
                    Err(error) => all.damaged.push(error.to_string()),
                }
            }
        }
        Ok(Some(all))
    }

    fn add(&mut self, picture: &Picture) {
        *self.sizes.entry(format!("{}x{}", picture.width, picture.height)).or_default() += 1;
        self.grey += usize::from(picture.channels == 1);
        self.sides.push(picture.width.min(picture.height));
    }

    /// The size that pictures of several sizes could be brought to: the median of their shorter sides, from 8 to 224.
    pub(super) fn common_size(&self) -> Option<usize> {
        let mut sides = self.sides.clone();
        sides.sort_unstable();
        let median = sides.get(sides.len() / 2)?;
        (self.sizes.len() > 1).then(|| (*median).clamp(8, 224))
    }
}
