//! How far it is to the nearest image with another support.

use nalgebra::DVector;

use super::dictionary::Dictionary;
use super::minimiser::Minimiser;

/// What bounds the images with the same support: on which side of a hyperplane they lie, for every code.
struct Border {
    place: usize,
    appears: bool,
    /// The change of the signal, per unit of its effect, that reaches it.
    normal: Vec<f64>,
    /// How far the image is from it, in units of the effect.
    gap: f64,
}

/// The nearest border.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Nearest {
    pub l2: f64,
    pub linf: f64,
    /// The code that changes first, in the L2 norm, and whether it appears.
    pub place: usize,
    pub appears: bool,
    /// The smallest change of pixels in the L2 norm that reaches the border.
    pub change: Vec<f64>,
}

/// The borders nearest to an image whose pixels are the signal times `scale`, by channel.
pub(super) fn nearest(dictionary: &Dictionary, minimiser: &Minimiser, scale: &[f64]) -> Option<Nearest> {
    // G^-1 A_S^T, whose rows say how the codes follow the signal.
    let follow = minimiser.gram.solve(&minimiser.atoms.transpose());
    let mut found: Option<Nearest> = None;
    for (i, &place) in minimiser.places.iter().enumerate() {
        let normal = follow.row(i).iter().map(|v| -minimiser.signs[i] * v).collect();
        offer(&mut found, scale, Border { place, appears: false, normal, gap: minimiser.codes[i].abs() });
    }
    let mut others =
        (0..minimiser.slack.len()).filter_map(|j| minimiser.slack[j].map(|s| (j, s.max(0.0)))).collect::<Vec<_>>();
    others.sort_by(|a, b| a.1.total_cmp(&b.1));
    // What a change of length 1 adds to a product is at most the length of the column.
    let [signal, _] = dictionary.size();
    let most = dictionary.longest / scale.iter().copied().fold(f64::INFINITY, f64::min);
    for (place, gap) in others {
        if found.as_ref().is_some_and(|f| gap > f.l2 * most && gap > f.linf * most * (signal as f64).sqrt()) {
            break;
        }
        let atom = dictionary.atoms(&[place]).column(0).into_owned();
        // Of a change along the atom, the codes that are there explain a part.
        let left = &atom - &minimiser.atoms * (&follow * &atom);
        let normal = DVector::iter(&left).map(|v| minimiser.appearing[place] * v).collect();
        offer(&mut found, scale, Border { place, appears: true, normal, gap });
    }
    found
}

/// Keeps the nearer one, in either norm. A border that no change reaches is none.
fn offer(found: &mut Option<Nearest>, scale: &[f64], border: Border) {
    let Border { place, appears, normal, gap } = border;
    // x = (pixel - mean) / std: a change of a pixel is felt by 1 / std.
    let normal = normal.iter().enumerate().map(|(i, v)| v / scale[i % scale.len()]).collect::<Vec<_>>();
    let square = normal.iter().map(|v| v * v).sum::<f64>();
    if square == 0.0 {
        return;
    }
    let (l2, linf) = (gap / square.sqrt(), gap / normal.iter().map(|v| v.abs()).sum::<f64>());
    let before = found.as_ref().map_or(f64::INFINITY, |f| f.linf);
    if found.as_ref().is_none_or(|f| l2 < f.l2) {
        let change = normal.iter().map(|v| v * gap / square).collect();
        *found = Some(Nearest { l2, linf, place, appears, change });
    }
    if let Some(found) = found {
        found.linf = before.min(linf);
    }
}
