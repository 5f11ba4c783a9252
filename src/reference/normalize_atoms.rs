//! The projection of the dictionary onto atoms of unit norm.

use super::floored_norm;

/// `w[c] / |w[c]|_2` for every atom `c`, the norm floored at 1e-12 (an atom of zeros stays zero).
///
/// Shapes: `w` and the result are `[atoms, kh, kw, channels]`. Not differentiated: it is a projection of the parameter
/// before the step. Source: SDNet, arXiv 2210.12945.
pub fn normalize_atoms(w: &[f64], atoms: usize) -> Vec<f64> {
    debug_assert_eq!(w.len() % atoms, 0);
    let mut result = Vec::with_capacity(w.len());
    for atom in w.chunks_exact(w.len() / atoms) {
        let norm = floored_norm(atom);
        result.extend(atom.iter().map(|v| v / norm));
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, dot, sequence::sequence};

    #[test]
    fn every_atom_has_unit_norm_and_keeps_its_direction() {
        let w = sequence(5 * 18, 1, 3.0);
        let unit = normalize_atoms(&w, 5);
        for (unit, w) in unit.chunks_exact(18).zip(w.chunks_exact(18)) {
            assert_close(&[dot(unit, unit), dot(unit, w)], &[1.0, dot(w, w).sqrt()], 1e-14);
        }
    }

    #[test]
    fn an_atom_of_zeros_stays_zero_and_a_second_projection_changes_nothing() {
        let unit = normalize_atoms(&[0.0, 0.0, 3.0, 4.0], 2);
        assert_close(&unit, &[0.0, 0.0, 0.6, 0.8], 1e-15);
        assert_close(&normalize_atoms(&unit, 2), &unit, 1e-15);
    }
}
