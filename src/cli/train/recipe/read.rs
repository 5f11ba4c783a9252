//! A recipe becomes flags.

use std::ffi::OsString;
use std::path::Path;

use clap::error::ErrorKind;
use clap::{Arg, CommandFactory};
use toml::{Table, Value};

use super::kinds::{CHOICES, OPPOSITES, without_use};
use crate::cli::args::text;
use crate::cli::command::Arguments;
use crate::cli::console::note;
use crate::error::{Error, Result};
use crate::optim::OptimizerKind;

/// Flags that a recipe cannot hold.
const NEVER: [&str; 4] = ["recipe", "resume", "overwrite", "help"];

/// How alike two keys are, from 0 to 1, for one to be suggested in place of the other.
const ALIKE: f64 = 0.75;

/// The arguments with those of the file that `train --recipe FILE` names in front, so that flags override them. What another
/// kind of network, optimizer or schedule that they name has no use for is left out, aloud.
///
/// # Errors
/// [`Error::Io`]; [`Error::File`] for a file that is not TOML, a key that is no flag, which names the nearest one, or a value
/// that the flag does not take.
pub fn expanded(arguments: Vec<OsString>) -> Result<Vec<OsString>> {
    let Some(train) = arguments.iter().skip(1).position(|a| !a.to_string_lossy().starts_with('-')).map(|at| at + 1)
    else {
        return Ok(arguments);
    };
    let (before, after) = arguments.split_at(train + 1);
    let Some(file) = (before[train] == "train").then(|| value_of("recipe", after)).flatten() else {
        return Ok(arguments);
    };
    let path = Path::new(&file);
    let count =
        after.iter().filter_map(|a| a.to_str()).filter(|a| *a == "--recipe" || a.starts_with("--recipe=")).count();
    if count > 1 {
        return Err(Error::argument("recipe", path.display(), "is one of several recipes; give one"));
    }
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
    let table =
        text.parse::<Table>().map_err(|e| Error::file(path, format!("is no recipe: {}", e.to_string().trim_end())))?;
    let mut flags = flags(path, &table)?;
    for choice in CHOICES {
        let Some(kind) = value_of(choice, after).and_then(|kind| kind.into_string().ok()) else { continue };
        let unused = without_use(choice, &kind);
        flags = without(flags, &unused, path, &format!("--{choice} {kind} has no use for"));
    }
    note_rates(path, &table, after);
    for (flag, opposites) in OPPOSITES {
        if is_given(flag, after) {
            flags = without(flags, opposites, path, &format!("--{flag} replaces"));
        }
    }
    let flags = flags.into_iter().map(|(_, flag)| OsString::from(flag));
    Ok(before.iter().cloned().chain(flags).chain(after.iter().cloned()).collect())
}

/// Says which numbers of the recipe were chosen for another optimizer than the one that is asked for.
fn note_rates(path: &Path, table: &Table, after: &[OsString]) {
    let chosen = table.get("optimizer").and_then(Value::as_str).unwrap_or(OptimizerKind::Sgd.name());
    let Some(kind) = value_of("optimizer", after).filter(|kind| kind != chosen) else { return };
    let kept = ["lr", "weight-decay"].into_iter().filter(|key| table.contains_key(*key) && !is_given(key, after));
    let kept = kept.collect::<Vec<_>>().join(" and ");
    if !kept.is_empty() {
        let (path, kind) = (path.display(), kind.display());
        note(format_args!("note: {kept} of {path} are kept, which were chosen for {chosen}, not {kind}"));
    }
}

/// The flags but those of these keys, of which it is said why they are left out.
fn without(flags: Vec<(String, String)>, keys: &[&str], path: &Path, which: &str) -> Vec<(String, String)> {
    let (left_out, kept) = flags.into_iter().partition::<Vec<_>, _>(|(key, _)| keys.contains(&&**key));
    if !left_out.is_empty() {
        let keys = left_out.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>().join(", ");
        note(format_args!("note: {keys} of {} left out, which {which}", path.display()));
    }
    kept
}

/// Whether a flag is among the arguments, with or without a value.
fn is_given(flag: &str, arguments: &[OsString]) -> bool {
    let (flag, with_value) = (format!("--{flag}"), format!("--{flag}="));
    arguments.iter().filter_map(|argument| argument.to_str()).any(|text| text == flag || text.starts_with(&with_value))
}

/// The last value of a flag.
fn value_of(flag: &str, arguments: &[OsString]) -> Option<OsString> {
    let (flag, with_value) = (format!("--{flag}"), format!("--{flag}="));
    let value = |(at, argument): (usize, &OsString)| match argument.to_str()? {
        text if text == flag => arguments.get(at + 1).cloned(),
        text => text.strip_prefix(&with_value).map(OsString::from),
    };
    arguments.iter().enumerate().rev().find_map(value)
}

/// The keys of a recipe, each with its flag.
fn flags(path: &Path, table: &Table) -> Result<Vec<(String, String)>> {
    let command = Arguments::command();
    let train = command.find_subcommand("train").into_iter().flat_map(|train| train.get_arguments());
    let known = train.filter(|a| a.get_long().is_some_and(|name| !NEVER.contains(&name))).collect::<Vec<_>>();
    let mut flags = Vec::new();
    for (key, value) in table {
        let arg = known.iter().find(|arg| arg.get_long() == Some(key)).ok_or_else(|| unknown(path, key, &known))?;
        let flag = match (value, text(value)) {
            (Value::Boolean(given), _) if !arg.get_action().takes_values() => given.then(|| format!("--{key}")),
            (_, Some(text)) => Some(format!("--{key}={text}")),
            (_, None) => return Err(Error::file(path, format!("{key} is neither a value nor a list of values"))),
        };
        if let Some(flag) = flag {
            check(path, key, &flag)?;
            flags.push((key.clone(), flag));
        }
    }
    Ok(flags)
}

fn unknown(path: &Path, key: &str, known: &[&Arg]) -> Error {
    let alike = known.iter().filter_map(|arg| arg.get_long()).map(|name| (strsim::jaro(key, name), name));
    let nearest = alike.filter(|(alike, _)| *alike >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0));
    let nearest = nearest.map_or(String::new(), |(_, name)| format!("; the nearest one is {name}"));
    Error::file(path, format!("{key} is not a key of recipes, which are the flags of train{nearest}"))
}

/// Demands a value that the flag takes.
fn check(path: &Path, key: &str, flag: &str) -> Result<()> {
    let alone = ["sdnet", "train", "--out", "x", flag].map(OsString::from);
    let Err(error) = Arguments::of(alone) else { return Ok(()) };
    // Flags that need others are judged with them.
    if matches!(error.kind(), ErrorKind::MissingRequiredArgument | ErrorKind::ArgumentConflict) {
        return Ok(());
    }
    let text = error.to_string();
    // The fault, and the values that there are.
    let lines = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect::<Vec<_>>().join(" ");
    let reason = lines.trim_start_matches("error: ");
    Err(Error::file(path, format!("{key}: {reason}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn every_recipe_of_the_repository_is_one() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes");
        let mut count = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let line = format!("sdnet train --recipe {} --epochs 3 --out x", path.display());
            let all = expanded(arguments(&line)).unwrap();
            assert!(all.contains(&"--momentum=0.9".into()), "{all:?}");
            Arguments::of(all).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            count += 1;
        }
        assert_eq!(count, 4);
    }

    #[test]
    fn what_another_kind_has_no_use_for_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.toml");
        std::fs::write(&path, "model = 'sdnet18'\nlambda = 0.2\nmomentum = 0.9\nmilestones = [2]\nlr = 0.1").unwrap();
        let expand = |flags: &str| {
            let line = format!("sdnet train --recipe {} --out x{flags}", path.display());
            let all = expanded(arguments(&line)).unwrap();
            all.iter()
                .filter_map(|a| a.to_str()?.strip_prefix("--")?.split_once('='))
                .map(|(key, _)| key.to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(expand(""), ["lambda", "lr", "milestones", "model", "momentum"]);
        assert_eq!(expand(" --model sdnet18 --model resnet18 --schedule cosine"), ["lr", "model", "momentum"]);
        assert_eq!(expand(" --optimizer=adamw"), ["lambda", "lr", "milestones", "model", "optimizer"]);
        std::fs::write(&path, "no-augment = true\nfreeze = true\northogonal = 0.1\northogonal-form = 'kernel'")
            .unwrap();
        let all = |flags: &str| {
            let line = format!("sdnet train --recipe {} --out x {flags}", path.display());
            expanded(arguments(&line)).unwrap().iter().map(|a| a.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let has = |flags: &str, word: &str| all(flags).iter().any(|argument| argument.starts_with(word));
        assert!(has("--lr=1", "--no-augment") && has("--lr=1", "--freeze") && has("--lr=1", "--orthogonal-form"));
        assert!(!has("--augment", "--no-augment") && !has("--least-area=0.5", "--no-augment"));
        assert!(!has("--body-rate 0.1", "--freeze") && !has("--orthogonal 0.0", "--orthogonal-form"));
        assert!(has("--orthogonal 0.2", "--orthogonal-form"));
    }

    #[test]
    fn keys_are_flags_and_unknown_ones_name_the_nearest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.toml");
        let expand = |toml: &str| {
            std::fs::write(&path, toml).unwrap();
            expanded(arguments(&format!("sdnet train --recipe={} --lr 0.2", path.display())))
        };
        let all = expand("lr = 0.1\nmilestones = [3, 6]\nno-shuffle = true\njson = false").unwrap();
        let all = all.iter().map(|a| a.to_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(all[2..5], ["--lr=0.1", "--milestones=3,6", "--no-shuffle"]);
        assert_eq!(all[6..], ["--lr", "0.2"]);
        for (toml, words) in [
            ("epoch = 3", &["r.toml", "epoch is not", "epochs"][..]),
            ("weight_decay = 3", &["weight-decay"]),
            ("resume = true", &["resume is not"]),
            ("overwrite = true", &["overwrite is not"]),
            ("lr = { a = 1 }", &["lr is neither"]),
            ("lr =", &["is no recipe"]),
        ] {
            let message = expand(toml).unwrap_err().to_string();
            assert!(words.iter().all(|word| message.contains(word)), "{message}");
        }
        for (toml, words) in [
            ("lr = 'fast'", &["r.toml", "lr: ", "fast"][..]),
            ("lr = false", &["lr: ", "false"]),
            ("schedule = 'linear'", &["schedule: ", "linear", "cosine, step"]),
            ("no-shuffle = 3", &["no-shuffle: ", "3"]),
            ("model = 'sdnet18'\n\nlr 3", &["line 3"]),
            ("zzzzzzzz = 3", &["flags of train"]),
        ] {
            let message = expand(toml).unwrap_err().to_string();
            assert!(words.iter().all(|word| message.contains(word)), "{message}");
            assert!(!message.contains("nearest"), "{message}");
        }
        assert!(expanded(arguments("sdnet train --recipe a --recipe=b")).unwrap_err().to_string().contains("several"));
        assert_eq!(expanded(arguments("sdnet eval --recipe x")).unwrap(), arguments("sdnet eval --recipe x"));
        assert!(expanded(arguments("sdnet train --recipe none.toml")).unwrap_err().to_string().contains("none.toml"));
    }
}
