//! Trainings that differ in nothing but the seed.

use std::collections::BTreeMap;

use serde::Serialize;

use super::entry::Entry;

/// The key of the seed.
const SEED: &str = "seed";

/// Keys that change nothing of the network.
const WITHOUT_EFFECT: [&str; 3] = ["keep", "save-every", "tensorboard"];

/// Trainings that differ in nothing but the seed.
#[derive(Serialize)]
pub(super) struct Group {
    /// What their names begin with.
    pub name: String,
    pub runs: Vec<String>,
    pub best_test_accuracy: Spread,
    pub last_test_accuracy: Spread,
    pub last_test_loss: Spread,
}

/// Mean and deviation of several values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Spread {
    pub mean: f64,
    /// `sqrt(sum (x - mean)^2 / (n - 1))`
    pub deviation: f64,
}

impl Spread {
    /// Of at least two values.
    fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        Self { mean, deviation: (squares / (n - 1.0)).sqrt() }
    }
}

/// The groups of at least two trainings that have come equally far, one for each seed. Others are left out, and named.
pub(super) fn groups(entries: &[Entry], notes: &mut Vec<String>) -> Vec<Group> {
    let mut alike = Vec::<(Vec<(&String, &String)>, &str, Vec<&Entry>)>::new();
    for entry in entries {
        let Some(settings) = &entry.settings else { continue };
        let same = |key: &&String| **key != SEED && !WITHOUT_EFFECT.contains(&&***key);
        let settings = settings.iter().filter(|(key, _)| same(key)).collect::<Vec<_>>();
        match alike.iter_mut().find(|(known, images, _)| *known == settings && *images == entry.images()) {
            Some((.., members)) => members.push(entry),
            None => alike.push((settings, entry.images(), vec![entry])),
        }
    }
    alike.into_iter().filter_map(|(.., members)| group(members, notes)).collect()
}

fn group(mut members: Vec<&Entry>, notes: &mut Vec<String>) -> Option<Group> {
    let steps = |entry: &Entry| entry.history().last().map_or(0, |record| record.step);
    let most = members.iter().map(|entry| steps(entry)).max()?;
    let behind = members.iter().filter(|entry| steps(entry) < most).map(|entry| entry.name.clone()).collect::<Vec<_>>();
    members.retain(|entry| steps(entry) == most && most > 0);
    let mut seeds = BTreeMap::new();
    members.retain(|entry| {
        let seed = entry.settings.as_ref().and_then(|settings| settings.get(SEED));
        let other = *seeds.entry(seed).or_insert(&entry.name);
        let first = *other == entry.name;
        if !first {
            notes.push(format!("{} has the recipe and the seed of {other}, and is left out of the mean", entry.name));
        }
        first
    });
    if members.len() < 2 {
        return None;
    }
    if !behind.is_empty() {
        let text = format!(
            "{} did not come as far as the others of other seeds, and is left out of their mean",
            behind.join(", ")
        );
        notes.push(text);
    }
    let last = |of: fn(&crate::train::EpochRecord) -> f64| {
        Spread::of(&members.iter().filter_map(|entry| entry.history().last().map(of)).collect::<Vec<_>>())
    };
    let runs = members.iter().map(|entry| entry.name.clone()).collect::<Vec<_>>();
    Some(Group {
        name: format!("{}*", beginning(&runs)),
        best_test_accuracy: Spread::of(&members.iter().map(|entry| entry.best()).collect::<Vec<_>>()),
        last_test_accuracy: last(|record| record.test_accuracy),
        last_test_loss: last(|record| record.test_loss),
        runs,
    })
}

/// What all names begin with.
fn beginning(names: &[String]) -> String {
    let Some((first, others)) = names.split_first() else { return String::new() };
    let common = |(at, character): &(usize, char)| {
        others.iter().all(|other| other.get(*at..).is_some_and(|o| o.starts_with(*character)))
    };
    let ends = first.char_indices().take_while(common).last().map_or(0, |(at, character)| at + character.len_utf8());
    first[..ends].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deviation_is_that_of_a_sample() {
        let Spread { mean, deviation } = Spread::of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert!((mean - 5.0).abs() < 1e-12 && (deviation - (32.0_f64 / 7.0).sqrt()).abs() < 1e-12);
        assert_eq!(Spread::of(&[0.5, 0.5]), Spread { mean: 0.5, deviation: 0.0 });
    }

    #[test]
    fn groups_are_named_by_what_their_runs_share() {
        let of = |names: &[&str]| beginning(&names.iter().map(|name| name.to_string()).collect::<Vec<_>>());
        assert_eq!(of(&["runs/a-seed1", "runs/a-seed2", "runs/a-seed10"]), "runs/a-seed");
        assert_eq!(of(&["x", "y"]), "");
        assert_eq!(of(&["caf\u{e9}1", "caf\u{e8}2"]), "caf");
        assert_eq!(of(&["a", "ab"]), "a");
    }
}
