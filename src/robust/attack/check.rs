//! A check for masked gradients.

use serde::Serialize;

use crate::error::{Error, Result};
use crate::robust::Verdict;

/// A gradient attack compared with a random search on the same images in the same ball. Gradients that point the
/// right way do at least as well as none; if they do not, what looks like robustness is a gradient that
/// is zero, noise, or cut off (arXiv 1802.00420, 1902.06705). This may find masking, but cannot rule it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MaskCheck {
    /// Images that only the gradient attack broke.
    pub only_gradient: usize,
    /// Images that only the random search broke.
    pub only_search: usize,
    /// Whether the search did better.
    pub masked: bool,
}

impl MaskCheck {
    /// Compares the results of both on the same images, in order.
    ///
    /// # Errors
    /// [`Error::Shape`] if their numbers of images differ.
    pub fn new(gradient: &[Verdict], search: &[Verdict]) -> Result<Self> {
        if gradient.len() != search.len() {
            let reason = "both attacks must use the same images";
            return Err(Error::shape("mask check", reason, &[&[gradient.len()], &[search.len()]]));
        }
        let only = |a: &[Verdict], b: &[Verdict]| a.iter().zip(b).filter(|(a, b)| a.fooled && !b.fooled).count();
        let (only_gradient, only_search) = (only(gradient, search), only(search, gradient));
        Ok(Self { only_gradient, only_search, masked: only_search > only_gradient })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fooled: &[bool]) -> Vec<Verdict> {
        fooled.iter().map(|&fooled| Verdict { margin: 0.0, fooled }).collect()
    }

    #[test]
    fn masked_is_where_the_search_breaks_more() {
        let check = |a: &[bool], b: &[bool]| MaskCheck::new(&of(a), &of(b)).unwrap();
        let (yes, no) = (true, false);
        let found = check(&[yes, no, no], &[no, yes, yes]);
        assert_eq!(found, MaskCheck { only_gradient: 1, only_search: 2, masked: true });
        assert!(!check(&[yes, yes, no], &[no, yes, yes]).masked, "as many");
        assert!(!check(&[yes, yes, yes], &[yes, no, no]).masked);
        assert!(MaskCheck::new(&of(&[yes]), &of(&[])).is_err());
    }
}
