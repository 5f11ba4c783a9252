//! The choice of boundaries: submodular cover at submodular cost, greedily.

/// Keeps the quotient of the two decreases away from 0 / 0, with the values of the authors' code.
const LOST_FLOOR: f64 = 1e-5;
const GAINED_FLOOR: f64 = 1e-10;

/// Boundaries that enclose a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cover {
    /// Images of other classes that may stay inside: those that all boundaries together leave there.
    pub delta: usize,
    /// The boundaries in the order in which they were chosen.
    pub chosen: Vec<usize>,
    /// Those of them without which more images would be inside, in the same order.
    pub kept: Vec<usize>,
}

/// Chooses boundaries such that their intersection `P` loses as few images of the class as possible while at most `delta` images
/// of other classes stay inside. Rows are boundaries and columns are images: whether the image lies on the right side. Each step
/// adds the boundary of the least
///
/// `(decrease of |P and the class| + 1e-5) / (decrease of |P and others| + 1e-10)`
///
/// and in the end those that change neither count are dropped (arXiv 2108.06384, section 4.2 and the authors' code; that `delta`
/// is what all boundaries leave is inferred, and makes every instance feasible).
pub fn cover(class: &[Vec<bool>], others: &[Vec<bool>]) -> Cover {
    let all = (0..others.len()).collect::<Vec<_>>();
    let delta = count(&inside(others, &all));
    let (mut left, mut strangers) = (inside(class, &[]), inside(others, &[]));
    let mut chosen = Vec::new();
    while count(&strangers) > delta {
        let cost = |row: usize| {
            let gained = lost(&strangers, &others[row]);
            (gained > 0).then(|| (lost(&left, &class[row]) as f64 + LOST_FLOOR) / (gained as f64 + GAINED_FLOOR))
        };
        let costs = all.iter().filter_map(|&row| Some((row, cost(row)?)));
        // All of them together leave delta, so that while more are left some boundary excludes one.
        let Some((best, _)) = costs.min_by(|a, b| a.1.total_cmp(&b.1)) else { break };
        intersect(&mut left, &class[best]);
        intersect(&mut strangers, &others[best]);
        chosen.push(best);
    }
    let counts = |rows: &[usize]| (count(&inside(class, rows)), count(&inside(others, rows)));
    let whole = counts(&chosen);
    let mut kept = chosen.clone();
    for row in &chosen {
        let without = kept.iter().copied().filter(|other| other != row).collect::<Vec<_>>();
        if counts(&without) == whole {
            kept = without;
        }
    }
    Cover { delta, chosen, kept }
}

/// Which images lie on the right side of all these boundaries.
fn inside(sides: &[Vec<bool>], rows: &[usize]) -> Vec<bool> {
    let mut inside = vec![true; sides.first().map_or(0, Vec::len)];
    rows.iter().for_each(|&row| intersect(&mut inside, &sides[row]));
    inside
}

fn intersect(inside: &mut [bool], side: &[bool]) {
    inside.iter_mut().zip(side).for_each(|(inside, side)| *inside &= side);
}

fn count(inside: &[bool]) -> usize {
    inside.iter().filter(|inside| **inside).count()
}

/// Images inside that a boundary would exclude.
fn lost(inside: &[bool], side: &[bool]) -> usize {
    inside.iter().zip(side).filter(|(inside, side)| **inside && !**side).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::sequence::sequence;

    /// Half-planes around the origin, each of which leaves out what lies far in its direction, and points of two classes: near the
    /// origin and all around.
    fn planes(seed: u64, boundaries: usize) -> [Vec<Vec<bool>>; 2] {
        let normals = sequence(2 * boundaries, 3 * seed, 1.0);
        let sides = |points: &[f64]| {
            let side = |w: &[f64]| points.chunks_exact(2).map(|p| w[0] * p[0] + w[1] * p[1] < 0.5).collect();
            normals.chunks_exact(2).map(side).collect::<Vec<Vec<bool>>>()
        };
        [sides(&sequence(120, 3 * seed + 1, 1.1)), sides(&sequence(200, 3 * seed + 2, 2.5))]
    }

    fn covered(sides: &[Vec<bool>], rows: &[usize]) -> usize {
        count(&inside(sides, rows))
    }

    #[test]
    fn the_greedy_cover_is_feasible_and_near_the_best_of_all_subsets() {
        let mut optimal = 0;
        for seed in 0..10 {
            let [class, others] = planes(seed, 12);
            let found = cover(&class, &others);
            assert!(covered(&others, &found.kept) <= found.delta, "{found:?}");
            assert_eq!(covered(&class, &found.kept), covered(&class, &found.chosen), "dropping loses nothing");
            let subsets = (1_usize..1 << 12).map(|set| (0..12).filter(|row| set >> row & 1 == 1).collect::<Vec<_>>());
            let feasible = subsets.filter(|rows| covered(&others, rows) <= found.delta);
            let best = feasible.map(|rows| covered(&class, &rows)).max().unwrap();
            let greedy = covered(&class, &found.kept);
            assert!(greedy <= best && best - greedy <= 3, "{greedy} of {best}");
            assert!(best < 60 && covered(&others, &[]) > found.delta, "an instance with something to choose");
            optimal += usize::from(greedy == best);
        }
        assert!(optimal >= 6, "{optimal} of 10");
    }

    #[test]
    fn a_boundary_that_later_ones_make_superfluous_is_dropped() {
        let rows = |sides: [&str; 3]| sides.map(|side| side.bytes().map(|b| b == b'+').collect::<Vec<_>>());
        // The first is free and sets two apart; the other two each cost one and together set all apart.
        let (class, others) = (rows(["+++", "-++", "+-+"]), rows(["+--+", "--++", "++--"]));
        assert_eq!(cover(&class, &others), Cover { delta: 0, chosen: vec![0, 1, 2], kept: vec![1, 2] });
        // With a first one that costs too, all three are needed to lose none less.
        let (class, others) = (rows(["++-", "-++", "+-+"]), rows(["+--+", "-+++", "+++-"]));
        let found = cover(&class, &others);
        assert_eq!((found.delta, found.kept.len()), (0, 3));
    }

    #[test]
    fn where_nothing_is_set_apart_nothing_is_chosen() {
        let found = cover(&[vec![true, false]], &[vec![true; 3]]);
        assert_eq!(found, Cover { delta: 3, chosen: vec![], kept: vec![] });
        assert!(cover(&[], &[]).kept.is_empty());
    }
}
