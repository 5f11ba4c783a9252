//! The sparse coding layer against values computed elsewhere in float64.

use approx::assert_relative_eq;
use sdnet::layers::{Csc, CscConfig, Pass, PowerVectors};
use sdnet::shape::Geometry;
use sdnet::solver::Solver;
use sdnet::tape::Tape;

use crate::support::{Golden, assert_close, to_nchw};

const CASES: [&str; 11] = [
    "stem_3x3",
    "deep_3x3",
    "stride2_3x3",
    "stride2_odd",
    "stride2_7x7",
    "pointwise",
    "signed_elastic",
    "ista",
    "published",
    "root_noise",
    "five_by_five",
];

fn layer(golden: &Golden) -> Csc {
    let config = CscConfig {
        geometry: Geometry::square(golden.number("stride"), golden.number("padding")),
        iterations: golden.number("iterations"),
        lambda: golden.number("lambda_"),
        mu: golden.number("mu"),
        non_negative: golden.is("non_negative"),
        solver: match golden.metadata["solver"].as_str() {
            "fista" => Solver::Fista,
            "ista" => Solver::Ista,
            "sdnet" => Solver::Published,
            other => panic!("solver {other}"),
        },
        root_noise: !golden.is("square_noise"),
        ..CscConfig::default()
    };
    Csc::new(golden.upload("w"), config).unwrap()
}

#[test]
fn codes_and_gradients_match_the_golden_values() {
    for case in CASES {
        let golden = Golden::open(&format!("csc_{case}"));
        let mut csc = layer(&golden);
        csc.set_step(golden.number("step")).unwrap();
        let tape = Tape::new();
        let pass = Pass::eval(&tape);
        let x = tape.leaf(&golden.upload("x"));
        let z = csc.forward(&pass, &x).unwrap();
        assert_close(&format!("{case}: z"), &to_nchw(z.value()), golden.values("z"), 1e-5);
        let &[_, h, w, _] = x.value().shape() else { panic!() };
        let reconstruction = csc.reconstruct(z.value(), [h, w]).unwrap();
        assert_close(case, &to_nchw(&reconstruction), golden.values("reconstruction"), 1e-5);
        let weight = pass.parameter(csc.weight());
        let gradients = tape.backward_from(&z, &golden.upload("g")).unwrap();
        let grad_x = to_nchw(gradients.of("x", &x).unwrap());
        assert_close(&format!("{case}: grad_x"), &grad_x, golden.values("grad_x"), 1e-4);
        let grad_w = to_nchw(gradients.of("w", &weight).unwrap());
        assert_close(&format!("{case}: grad_w"), &grad_w, golden.values("grad_w"), 1e-4);
    }
}

#[test]
fn the_step_of_the_power_iteration_matches_the_golden_values() {
    for case in CASES {
        let golden = Golden::open(&format!("csc_{case}"));
        let (csc, tape, powers) = (layer(&golden), Tape::idle(), PowerVectors::default());
        let x = tape.constant(&golden.upload("x"));
        // The atoms of the files have unit norm, so that training passes change the step alone.
        let pass = || Pass::train(&tape).with_power_vectors(&powers);
        let z = (0..100).map(|_| csc.forward(&pass(), &x).unwrap()).last().unwrap();
        // The step is known to some 1e-5, and codes depend on it about linearly.
        assert_close(&format!("{case}: z at the computed step"), &to_nchw(z.value()), golden.values("z"), 3e-4);
        // In evaluation it is the step that training has left.
        let evaluated = csc.forward(&Pass::eval(&tape), &x).unwrap();
        assert_eq!(to_nchw(evaluated.value()), to_nchw(z.value()), "{case}");
    }
}

#[test]
fn the_objective_matches_the_golden_values() {
    for case in CASES {
        let golden = Golden::open(&format!("csc_{case}"));
        let objective = layer(&golden).objective(&golden.upload("x"), &golden.upload("z")).unwrap();
        let (got, want) = (objective.iter().map(|v| f64::from(*v)).sum::<f64>(), golden.number::<f64>("objective"));
        assert_relative_eq!(got, want, max_relative = 1e-5);
    }
}
