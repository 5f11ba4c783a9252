//! What differs between the recipes of trainings.

use serde::Serialize;

use super::entry::Entry;

/// A key whose value is not the same in all recipes.
#[derive(Serialize)]
pub(super) struct Difference {
    pub key: String,
    /// One for each run; none where its recipe lacks the key, or cannot be read.
    pub values: Vec<Option<String>>,
}

/// The keys that differ, in alphabetical order.
pub(super) fn differences(entries: &[Entry]) -> Vec<Difference> {
    let known = entries.iter().filter_map(|entry| entry.settings.as_ref());
    let keys = known.clone().flat_map(|settings| settings.keys()).collect::<std::collections::BTreeSet<_>>();
    let differs = |key: &&String| {
        let mut values = known.clone().map(|settings| settings.get(*key));
        let first = values.next();
        values.any(|value| Some(value) != first)
    };
    let value = |entry: &Entry, key: &str| entry.settings.as_ref()?.get(key).cloned();
    let row =
        |key: &String| Difference { key: key.clone(), values: entries.iter().map(|entry| value(entry, key)).collect() };
    keys.into_iter().filter(differs).map(row).collect()
}
