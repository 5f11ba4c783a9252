//! The classes of data, held against those that a network knows.

use super::Dataset;
use crate::error::{Error, Result};

/// Whether these names are no more than the numbers of the classes, which is what data without names have.
fn are_numbers(names: &[String]) -> bool {
    names.iter().enumerate().all(|(class, name)| *name == class.to_string())
}

impl Dataset {
    /// The same images with their labels in the numbering of a network, whose classes are `names`.
    ///
    /// Classes are matched by name, so that their order does not matter and data may lack some of them. Where either side has
    /// no names (none, or just numbers), labels are taken as they are.
    ///
    /// # Errors
    /// [`Error::Classes`] for images of a class that the network does not know.
    pub fn in_classes(self, names: &[String]) -> Result<Self> {
        match self.labels_in(names)? {
            None => Ok(self),
            Some(labels) => Ok(Self { labels, classes: names.len(), class_names: names.to_vec(), ..self }),
        }
    }

    /// Whether a network whose classes are `names` numbers the classes of these images as they are labelled.
    #[cfg(feature = "cli")]
    pub(crate) fn is_labelled_as(&self, names: &[String]) -> bool {
        self.labels_in(names).is_ok_and(|labels| labels.is_none_or(|labels| labels == self.labels))
    }

    /// The labels of [`Dataset::in_classes`]; none where they are taken as they are.
    fn labels_in(&self, names: &[String]) -> Result<Option<Vec<u16>>> {
        if are_numbers(names) || are_numbers(&self.class_names) {
            return Ok(None);
        }
        let place = |class: usize| {
            let name = &self.class_names[class];
            let known = names.iter().position(|other| other == name);
            let unknown = || Error::Classes { data: self.name.clone(), class: name.clone(), known: listed(names) };
            known.ok_or_else(unknown)
        };
        let mut places = vec![None; self.class_names.len()];
        let mut labels = Vec::with_capacity(self.labels.len());
        for &label in &self.labels {
            let known = &mut places[usize::from(label)];
            let found = match *known {
                Some(found) => found,
                None => place(label.into())? as u16,
            };
            *known = Some(found);
            labels.push(found);
        }
        Ok(Some(labels))
    }
}

/// The first names, and how many there are.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{shown} .. ({} in all)", names.len()) } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str], labels: &[u16]) -> Dataset {
        Dataset {
            name: "pets".into(),
            images: vec![0; labels.len()],
            labels: labels.to_vec(),
            height: 1,
            width: 1,
            channels: 1,
            classes: names.len(),
            class_names: strings(names),
            ..Dataset::default()
        }
    }

    fn strings(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn classes_are_matched_by_name() {
        let data = named(&["ant", "cat", "dog"], &[1, 2, 1]);
        let ours = data.in_classes(&strings(&["dog", "fox", "cat"])).unwrap();
        assert_eq!(ours.labels, [2, 0, 2], "no image is an ant");
        assert_eq!((ours.classes, ours.class_names[1].as_str()), (3, "fox"));
    }

    #[test]
    fn an_unknown_class_is_named() {
        let message = named(&["cat", "zcat"], &[1]).in_classes(&strings(&["cat", "dog"])).unwrap_err().to_string();
        assert!(message.contains("pets") && message.contains("zcat") && message.contains("cat, dog"), "{message}");
    }

    #[test]
    fn classes_without_names_go_by_number() {
        let data = named(&["0", "1"], &[1, 0]);
        assert_eq!(data.clone().in_classes(&strings(&["cat", "dog"])).unwrap(), data);
        let data = named(&["cat", "dog"], &[1, 0]);
        assert_eq!(data.clone().in_classes(&[]).unwrap(), data);
        assert_eq!(data.clone().in_classes(&strings(&["0", "1", "2"])).unwrap(), data);
    }
}
