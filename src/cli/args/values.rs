//! How the text of a flag becomes a value.

use std::str::FromStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use toml::Value;

use crate::error::Error;

/// Parses a type of the library by its name, which must be one of those that `--help` shows.
pub fn one_of<T>(shown: impl IntoIterator<Item = impl Into<PossibleValue>>) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err = Error> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(shown).try_map(|name| name.parse::<T>())
}

/// Parses a finite number that is not negative.
///
/// # Errors
/// Says what it has to be.
pub fn not_negative(text: &str) -> Result<f32, String> {
    let number = text.parse::<f32>().map_err(|_| format!("{text:?} is not a number"))?;
    let valid = number.is_finite() && number >= 0.0;
    valid.then_some(number).ok_or_else(|| "must be a finite number that is not negative".into())
}

/// The shortest number that is this f32, for a recipe.
pub fn float(value: f32) -> Value {
    Value::Float(value.to_string().parse().unwrap_or(f64::from(value)))
}

/// Parses a number, or a fraction such as 8/255.
///
/// # Errors
/// Names the part that is not a number.
pub fn fraction(text: &str) -> Result<f32, String> {
    let number = |part: &str| part.trim().parse::<f32>().map_err(|_| format!("{part:?} is not a number"));
    match text.split_once('/') {
        Some((top, bottom)) => Ok(number(top)? / number(bottom)?),
        None => number(text),
    }
}

/// A value of a recipe, or a list of them, as on the command line; none for what is neither.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => Some(items.iter().map(text).collect::<Option<Vec<_>>>()?.join(",")),
        Value::Table(_) | Value::Datetime(_) => None,
        other => Some(other.to_string()),
    }
}

/// [`text`] for a message: nothing for a flag that takes no value.
pub fn shown(value: &Value) -> String {
    match value {
        Value::Boolean(_) => String::new(),
        value => text(value).unwrap_or_default(),
    }
}
/// # Errors
/// [`Error::Argument`] for a batch without an image.
pub fn check_batch(batch: usize) -> crate::error::Result<()> {
    if batch == 0 { Err(Error::argument("batch", 0, "at least one image a pass is needed")) } else { Ok(()) }
}
