//! Printed lines, JSON, and progress bars.

use std::fmt::{Arguments, Display};
use std::io::{ErrorKind, Write};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::error::{Error, Result};

/// Like `println!`, but with a `Result`: see [`say`].
macro_rules! say {
    ($($text:tt)*) => {
        $crate::cli::console::say(format_args!($($text)*))
    };
}

/// Prints a line. A reader that has gone away, as in `sdnet shaders | head`, is no error: the command still writes its files.
///
/// # Errors
/// [`Error::Io`] if the line cannot be written, as on a full disk.
pub fn say(line: Arguments) -> Result<()> {
    print(format_args!("{line}\n"))
}

/// Prints text at once, whole lines or not; as [`say`].
///
/// # Errors
/// As [`say`].
pub fn print(text: Arguments) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_fmt(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::io("(standard output)", error)),
        _ => Ok(()),
    }
}

/// Prints a line to standard error. If that fails, there is nowhere left to say so.
pub fn note(line: Arguments) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A number of things: `1 image`, `2 images`.
pub fn counted(count: usize, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}

/// Says that there are fewer things than were asked for, if that is so.
pub fn note_if_fewer(owner: impl Display, count: usize, asked: usize, thing: &str) {
    if count < asked {
        note(format_args!("note: {owner} has {} only, not {asked}", counted(count, thing)));
    }
}

/// One line of JSON.
///
/// # Errors
/// [`Error::File`] if a value has no form in JSON.
pub fn to_json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::file("(standard output)", e.to_string()))
}

/// Rows of fields as CSV.
///
/// # Errors
/// [`Error::File`] if they have no form in CSV.
pub fn to_csv(rows: &[Vec<String>]) -> Result<String> {
    let broken = |e: String| Error::file("(CSV)", e);
    let mut writer = csv::Writer::from_writer(Vec::new());
    rows.iter().try_for_each(|row| writer.write_record(row)).map_err(|e| broken(e.to_string()))?;
    let bytes = writer.into_inner().map_err(|e| broken(e.to_string()))?;
    String::from_utf8(bytes).map_err(|e| broken(e.to_string()))
}

/// Bytes as MiB.
pub fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

/// A progress bar; it shows only on a terminal.
pub fn bar(steps: usize) -> ProgressBar {
    let bar = ProgressBar::new(steps as u64);
    let style = ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len} {msg} {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    bar
}
