//! What is demanded of values, whatever they are for.

use crate::error::{Error, Result};

/// Demands a finite number that is not negative.
///
/// # Errors
/// [`Error::Argument`] with this name.
pub(crate) fn check_not_negative(name: &'static str, value: f32) -> Result<()> {
    if !value.is_finite() || value < 0.0 {
        return Err(Error::argument(name, value, "must be a finite number that is not negative"));
    }
    Ok(())
}

/// Demands that every value is finite.
///
/// # Errors
/// [`Error::NotFinite`] names the first value of `what` that is not finite.
pub(crate) fn check_finite(what: &str, values: &[f32], hint: &str) -> Result<()> {
    match values.iter().position(|v| !v.is_finite()) {
        Some(index) => Err(Error::NotFinite { what: what.into(), value: values[index], index, hint: hint.into() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_that_is_not_finite_is_named() {
        assert!(check_finite("x", &[1.0, 2.0], "").is_ok());
        let error = check_finite("x", &[1.0, f32::NAN, f32::INFINITY], "clean it").unwrap_err();
        assert!(matches!(error, Error::NotFinite { index: 1, .. }), "{error}");
    }
}
