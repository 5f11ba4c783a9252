//! Attacks through whole networks: against values computed elsewhere in float64, against finite differences, and on
//! classifiers with misleading gradients.

use std::cell::Cell;
use std::collections::BTreeMap;

use sdnet::Result;
use sdnet::data::{Batch, Normalization};
use sdnet::error::Error;
use sdnet::gpu::Gpu;
use sdnet::layers::Pass;
use sdnet::models::{ModelConfig, Network};
use sdnet::ops::scale_samples;
use sdnet::reference::sequence::sequence;
use sdnet::robust::attack::{
    Ascent, AttackConfig, AttackOutcome, Ball, Images, MaskCheck, Method, Norm, StepRule as Ascending, Target, judge,
    run,
};
use sdnet::robust::{Adapted, Classifier, LambdaRule, Line, Measure, Verdict};
use sdnet::tape::{Tape, Var};
use sdnet::tensor::{Tensor, nchw_to_nhwc};
use serde::Deserialize;

use crate::support::{Golden, assert_close, gpu, network_of, set_steps};
use crate::twin::{Array, DICTIONARY, SIZE, Twin, WIDTH, converged_step};

fn plain() -> Normalization {
    Normalization { mean: vec![0.0], std: vec![1.0] }
}

fn normalization(golden: &Golden) -> Normalization {
    Normalization { mean: vec![golden.number("mean")], std: vec![golden.number("std")] }
}

/// The network of the golden attack.
fn golden_network(golden: &Golden) -> Adapted<Network> {
    let (width, iterations) = (golden.number("width"), golden.number("iterations"));
    let config = ModelConfig { width, iterations, in_channels: 1, ..ModelConfig::default() };
    let named = |(name, tensor): (&String, &(Vec<usize>, Vec<f32>))| {
        Some((name.strip_prefix("param.").or(name.strip_prefix("bn."))?.to_owned(), tensor.clone()))
    };
    let mut network = network_of(&config, &mut golden.tensors.iter().filter_map(named).collect());
    let steps: BTreeMap<String, f64> = serde_json::from_str(&golden.metadata["step"]).unwrap();
    set_steps(&mut network, steps["layer0.0.dn"] as f32);
    Adapted::new(network)
}

/// Golden values, channels last: the order is the same as there is only one channel.
fn golden_images(golden: &Golden) -> Images {
    let (n, size) = (golden.number("samples"), golden.number("size"));
    let labels = golden.values("labels").iter().map(|l| *l as u32).collect();
    let pixels = nchw_to_nhwc(&[n, 1, size, size], golden.values("images")).unwrap();
    Images::new([n, size, size, 1], pixels, labels).unwrap()
}

#[derive(Deserialize)]
struct Case {
    norm: Norm,
    epsilon: f32,
    step_size: f32,
    momentum: f32,
}

/// Each component whose sign a golden step takes is at least 2e-3 of the sample's mean magnitude. Float32 must
/// therefore find the same signs, and so the same perturbations at every step.
#[test]
fn pgd_takes_the_golden_steps() {
    let golden = Golden::open("attack_pgd");
    assert!(golden.number::<f64>("least_sign_margin") > 1e-3);
    let (network, normalization, images) = (golden_network(&golden), normalization(&golden), golden_images(&golden));
    let target = Target::new(&network, &normalization, LambdaRule::Trained);
    let cases: BTreeMap<String, Case> = serde_json::from_str(&golden.metadata["cases"]).unwrap();
    assert_eq!(cases.len(), 4);
    for (name, Case { norm, epsilon, step_size, momentum }) in cases {
        let scale = if norm == Norm::Linf { epsilon } else { 0.05 };
        let start = images.pixels().iter().zip(golden.values("start")).map(|(p, s)| p + scale * s).collect();
        let rule = Ascending { ball: Ball { norm, epsilon }, size: step_size, momentum };
        let mut ascent = Ascent::new(&images, start, rule).unwrap();
        for step in 0..golden.number("steps") {
            let found = target.gradient(&images, ascent.pixels(), ascent.pixels()).unwrap();
            ascent.step(&found.gradient).unwrap();
            let want = golden.values(&format!("{name}.{step}"));
            let errors = ascent.pixels().iter().zip(want).map(|(a, b)| (a - b).abs());
            let moved = want.iter().zip(images.pixels()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            let error = errors.fold(0.0, f32::max);
            assert!(error <= 1e-4 && moved > 1e-2, "{name}, step {step}: {error:.1e} off, {moved:.1e} moved");
        }
    }
}

#[test]
fn scores_and_gradient_of_pixels_are_the_golden_ones() {
    let golden = Golden::open("attack_pgd");
    let (network, normalization, images) = (golden_network(&golden), normalization(&golden), golden_images(&golden));
    let target = Target::new(&network, &normalization, LambdaRule::Trained);
    let found = target.gradient(&images, images.pixels(), images.pixels()).unwrap();
    assert_close("scores", &found.scores, golden.values("logits"), 1e-5);
    assert_close("gradient", &found.gradient, golden.values("gradient"), 1e-3);
    assert_close("scores without a tape", &target.scores(&images, images.pixels()).unwrap(), &found.scores, 1e-6);
}

/// Two of the twin's images, whose values are around 0, as pixels.
fn twin_images() -> (Array, Images) {
    let twice = Array::formula(&[2, 1, SIZE, SIZE], 150, 0.5, 0.5);
    let pixels = twice.values.iter().map(|v| *v as f32).collect();
    (twice, Images::new([2, SIZE, SIZE, 1], pixels, vec![3, 8]).unwrap())
}

/// Each sample's cross-entropy in f64.
fn loss(twin: &Twin, images: &Array, labels: &[usize]) -> f64 {
    let logits = twin.logits(images, false);
    sdnet::reference::cross_entropy::cross_entropy(&logits, labels).0 * labels.len() as f64
}

#[test]
fn the_gradient_of_the_images_is_the_twins_and_that_of_finite_differences() {
    let twin = Twin::formula(1, 3);
    let (array, images) = twin_images();
    let labels = [3, 8];
    let want = twin.image_gradient(&array, &labels);

    let config = ModelConfig { width: WIDTH, in_channels: 1, iterations: 3, ..ModelConfig::default() };
    let mut tensors = twin.parameters.iter().chain(&twin.running).map(|(n, a)| (n.clone(), a.to_file())).collect();
    let mut network = network_of(&config, &mut tensors);
    set_steps(&mut network, converged_step(&twin.parameters[DICTIONARY]) as f32);
    let network = Adapted::new(network);
    let normalization = plain();
    let target = Target::new(&network, &normalization, LambdaRule::Trained);
    let found = target.gradient(&images, images.pixels(), images.pixels()).unwrap();
    assert_close("gradient", &found.gradient, &want.iter().map(|v| *v as f32).collect::<Vec<_>>(), 1e-3);

    // Along random directions, in f64, with a step so small that it crosses few kinks.
    for tag in 0..4 {
        let direction = sequence(array.values.len(), 900 + tag, 1.0);
        let at = |step: f64| {
            let values = array.values.iter().zip(&direction).map(|(v, d)| v + step * d).collect();
            loss(&twin, &Array { values, ..array.clone() }, &labels)
        };
        let slope = (at(1e-6) - at(-1e-6)) / 2e-6;
        let along = want.iter().zip(&direction).map(|(g, d)| g * d).sum::<f64>();
        assert!((slope - along).abs() <= 1e-4 * slope.abs().max(0.1), "{slope} and {along}");
    }
}

/// The bundled images and the network trained on them, in a size that takes seconds.
fn trained() -> (Adapted<Network>, Normalization, Images) {
    let weights = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/sdnet18-fashion.safetensors");
    let (network, recipe) = Adapted::load(weights.as_ref(), gpu(), None).unwrap();
    let data = sdnet::data::bundled(sdnet::data::Split::Test).unwrap().subset(12);
    (network, recipe.normalization.unwrap(), Images::from_dataset(&data).unwrap())
}

const SMALL: AttackConfig = AttackConfig {
    method: Method::Pgd,
    ball: Ball { norm: Norm::Linf, epsilon: 4.0 / 255.0 },
    steps: 3,
    step_size: None,
    momentum: 0.0,
    restarts: 1,
    random_start: true,
    draws: 1,
    targets: 2,
    queries: 10,
    seed: 5,
};

fn attack(
    model: &dyn Classifier,
    normalization: &Normalization,
    images: &Images,
    config: AttackConfig,
) -> AttackOutcome {
    run(&Target::new(model, normalization, LambdaRule::Trained), images, &config, 12, &mut |_| {}).unwrap()
}

#[test]
fn attacks_stay_in_the_ball_and_the_judge_agrees() {
    let (network, normalization, images) = trained();
    for method in [Method::Fgsm, Method::Pgd, Method::Random] {
        for ball in [Ball { norm: Norm::Linf, epsilon: 8.0 / 255.0 }, Ball { norm: Norm::L2, epsilon: 0.5 }] {
            let outcome = attack(&network, &normalization, &images, AttackConfig { method, ball, ..SMALL });
            let samples = outcome.pixels.chunks(images.image_len()).zip(images.pixels().chunks(images.image_len()));
            for (adversarial, clean) in samples {
                assert!(adversarial.iter().all(|p| (0.0..=1.0).contains(p)));
                let change = adversarial.iter().zip(clean).map(|(a, c)| f64::from((a - c).abs()));
                let size = match ball.norm {
                    Norm::Linf => change.fold(0.0, f64::max),
                    Norm::L2 => change.map(|c| c * c).sum::<f64>().sqrt(),
                };
                assert!(size <= f64::from(ball.epsilon) + 1e-5, "{method:?} {ball:?}: {size}");
            }
            let target = Target::new(&network, &normalization, LambdaRule::Trained);
            let clean = judge(&target, &images, images.pixels(), 12).unwrap();
            let judged = judge(&target, &images, &outcome.pixels, 12).unwrap();
            for ((said, judged), clean) in outcome.verdicts.iter().zip(&judged).zip(&clean) {
                assert!((said.margin - judged.margin).abs() <= 1e-3 * judged.margin.abs().max(1.0));
                assert!(said.margin >= clean.margin, "no attack is worse than none");
            }
            let moved = outcome.verdicts.iter().zip(&clean).filter(|(a, b)| a.margin > b.margin + 0.1).count();
            assert!(moved > 6, "{method:?} {ball:?} moves only {moved} of 12 margins");
        }
    }
}

#[test]
fn more_steps_break_more_than_one() {
    let (network, normalization, images) = trained();
    let mean_margin = |outcome: AttackOutcome| outcome.verdicts.iter().map(|v| v.margin).sum::<f32>() / 12.0;
    let fgsm = mean_margin(attack(&network, &normalization, &images, AttackConfig { method: Method::Fgsm, ..SMALL }));
    let pgd = mean_margin(attack(&network, &normalization, &images, AttackConfig { steps: 8, ..SMALL }));
    assert!(pgd > fgsm + 0.1, "{pgd} and {fgsm}");
}

#[test]
fn equal_seeds_give_equal_attacks_in_batches_of_any_size() {
    let (network, normalization, images) = trained();
    for method in [Method::Pgd, Method::Random] {
        let config = AttackConfig { method, restarts: 2, draws: 2, ..SMALL };
        let with = |seed, batch| {
            let target = Target::new(&network, &normalization, LambdaRule::Trained);
            let mut done = Vec::new();
            let config = AttackConfig { seed, ..config };
            let outcome = run(&target, &images, &config, batch, &mut |count| done.push(count)).unwrap();
            assert_eq!(done.iter().sum::<usize>(), 12);
            outcome
        };
        let whole = with(5, 12);
        assert!(whole == with(5, 12), "{method:?}: two runs differ");
        assert!(whole != with(6, 12), "{method:?}: the seed has no effect");
        // Random starts and signs are the same; only a gradient near zero may change its sign.
        assert_close("batches of five", &with(5, 5).pixels, &whole.pixels, 1e-2);
    }
}

/// A network whose first look measures only brightness, and which counts its looks.
struct Measuring {
    network: Adapted<Network>,
    measured: Cell<usize>,
}

impl Classifier for Measuring {
    fn gpu(&self) -> &Gpu {
        self.network.gpu()
    }

    fn scores(&self, pass: &Pass, images: &Var) -> Result<Var> {
        self.network.scores(pass, images)
    }

    fn at<'t>(&self, pass: Pass<'t>, lambdas: &[f32]) -> Result<Vec<Pass<'t>>> {
        self.network.at(pass, lambdas)
    }

    fn measure(&self, images: &Batch, _measure: Measure) -> Result<Vec<f64>> {
        self.measured.set(self.measured.get() + 1);
        let bright = |image: &[f32]| f64::from(u8::from(image.iter().sum::<f32>() / image.len() as f32 > 0.7));
        Ok(images.images().map(bright).collect())
    }

    fn lambdas(&self) -> Option<(f32, f32)> {
        Some((0.1, 1.0))
    }
}

/// 0.1 for dark images, 0.2 for bright ones.
const BY_BRIGHTNESS: LambdaRule = LambdaRule::Auto(Measure::Residual, Line { slope: 0.1, intercept: 0.1 });

#[test]
fn a_lambda_that_depends_on_the_image_is_chosen_anew_at_every_step_and_for_every_draw() {
    let (network, normalization, images) = trained();
    let model = Measuring { network, measured: Cell::new(0) };
    let scores = |rule| Target::new(&model, &normalization, rule).scores(&images, images.pixels()).unwrap();
    let [low, high, chosen] = [LambdaRule::Fixed(0.1), LambdaRule::Fixed(0.2), BY_BRIGHTNESS].map(scores);
    let (mut lows, mut highs) = (0, 0);
    for (row, (low, high)) in chosen.chunks(10).zip(low.chunks(10).zip(high.chunks(10))) {
        assert!(row == low || row == high);
        if row == low { lows += 1 } else { highs += 1 }
    }
    assert!(lows > 0 && highs > 0, "{lows} at 0.1 and {highs} at 0.2");
    // The gradient is taken at the lambda that was chosen for the images `seen`.
    let dark = vec![0.0; images.pixels().len()];
    let gradient = |rule, seen: &[f32]| {
        Target::new(&model, &normalization, rule).gradient(&images, images.pixels(), seen).unwrap().gradient
    };
    assert!(gradient(BY_BRIGHTNESS, &dark) == gradient(LambdaRule::Fixed(0.1), images.pixels()));
    assert!(gradient(BY_BRIGHTNESS, images.pixels()) != gradient(LambdaRule::Fixed(0.1), images.pixels()));

    model.measured.set(0);
    let config = AttackConfig { steps: 2, draws: 3, ..SMALL };
    run(&Target::new(&model, &normalization, BY_BRIGHTNESS), &images, &config, 12, &mut |_| {}).unwrap();
    assert_eq!(model.measured.get(), 1 + 2 * 3 + 1, "the clean images, each draw of each step, and the end");
}

#[test]
fn auto_pgd_and_the_ensemble_stay_in_the_ball_and_are_no_weaker_than_their_parts() {
    let (network, normalization, images) = trained();
    let target = Target::new(&network, &normalization, LambdaRule::Trained);
    let by = |method, ball| {
        attack(&network, &normalization, &images, AttackConfig { method, ball, steps: 4, queries: 6, ..SMALL })
    };
    let standing = |verdicts: &[Verdict]| verdicts.iter().filter(|v| !v.fooled).count();
    let clean = standing(&judge(&target, &images, images.pixels(), 12).unwrap());
    let l2 = Ball { norm: Norm::L2, epsilon: 0.5 };
    for outcome in [by(Method::Apgd, l2), by(Method::Apgd, SMALL.ball), by(Method::ApgdDlr, SMALL.ball)] {
        assert!(standing(&outcome.verdicts) < clean, "{} of {clean}", standing(&outcome.verdicts));
    }
    let length = |change: &[f32]| change.iter().map(|c| f64::from(c * c)).sum::<f64>().sqrt();
    let changes = |pixels: &[f32]| pixels.iter().zip(images.pixels()).map(|(a, b)| a - b).collect::<Vec<_>>();
    assert!(changes(&by(Method::Apgd, l2).pixels).chunks_exact(784).all(|change| length(change) < 0.50001));
    let both = by(Method::Ensemble, SMALL.ball);
    assert!(changes(&both.pixels).iter().all(|c| c.abs() <= SMALL.ball.epsilon * 1.0001));
    let least =
        standing(&by(Method::Apgd, SMALL.ball).verdicts).min(standing(&by(Method::ApgdTargeted, SMALL.ball).verdicts));
    assert!(standing(&both.verdicts) <= least, "{} and {least}", standing(&both.verdicts));
    assert_eq!(standing(&judge(&target, &images, &both.pixels, 12).unwrap()), standing(&both.verdicts));
}

#[test]
fn transfer_to_another_lambda_is_weaker_than_the_attack_on_it() {
    let (network, normalization, images) = trained();
    fn at<'a>(model: &'a Adapted<Network>, normalization: &'a Normalization, lambda: f32) -> Target<'a> {
        Target::new(model, normalization, LambdaRule::Fixed(lambda))
    }
    let margin = |made: f32| {
        let config = AttackConfig { steps: 6, ..SMALL };
        let outcome = run(&at(&network, &normalization, made), &images, &config, 12, &mut |_| {}).unwrap();
        let verdicts = judge(&at(&network, &normalization, 0.3), &images, &outcome.pixels, 12).unwrap();
        verdicts.iter().map(|v| v.margin).sum::<f32>()
    };
    let (transferred, adaptive) = (margin(0.1), margin(0.3));
    assert!(adaptive > transferred + 1.0, "summed margins {adaptive} and {transferred}");
}

/// Two classes by the brightness of the left half; gradients are either correct or zero.
struct Halves {
    truthful: bool,
}

impl Classifier for Halves {
    fn gpu(&self) -> &Gpu {
        gpu()
    }

    fn scores(&self, pass: &Pass, images: &Var) -> Result<Var> {
        let shape = images.value().shape().to_vec();
        let &[n, height, width, 1] = &shape[..] else { panic!("grey images") };
        let weight = (0..height * width).map(|i| if i % width < width / 2 { 1.0 } else { 0.0 }).collect::<Vec<f32>>();
        let dot = |x: &[f32]| x.iter().zip(&weight).map(|(x, w)| x * w).sum::<f32>();
        let values = images.value().to_vec()?;
        let scores = values.chunks(height * width).flat_map(|x| [0.0, dot(x) - 0.5 * (height * width / 2) as f32]);
        let scores = Tensor::from_slice(gpu(), &[n, 2], &scores.collect::<Vec<_>>())?;
        let factor = f32::from(u8::from(self.truthful));
        pass.tape().record(scores, &[images], move |g| {
            let g = g.to_vec()?;
            let x_bar = g.chunks(2).flat_map(|g| weight.iter().map(|w| factor * w * g[1])).collect::<Vec<_>>();
            Ok(vec![Some(Tensor::from_slice(gpu(), &shape, &x_bar)?)])
        })
    }
}

/// Images a little darker than the boundary, of class 0.
fn near_the_boundary() -> Images {
    let pixels = sequence(6 * 64, 9, 0.02).iter().map(|v| 0.47 + *v as f32).collect();
    Images::new([6, 8, 8, 1], pixels, vec![0; 6]).unwrap()
}

#[test]
fn the_search_finds_out_masked_gradients() {
    let (images, normalization) = (near_the_boundary(), plain());
    let config = AttackConfig { ball: Ball { norm: Norm::Linf, epsilon: 0.1 }, queries: 60, ..SMALL };
    let check = |truthful, config: AttackConfig| {
        let gradient = attack(&Halves { truthful }, &normalization, &images, config);
        let random = AttackConfig { method: Method::Random, ..config };
        let search = attack(&Halves { truthful }, &normalization, &images, random);
        let check = MaskCheck::new(&gradient.verdicts, &search.verdicts).unwrap();
        (gradient.accuracy(), search.accuracy(), check.masked)
    };
    let (gradient, search, masked) = check(false, config);
    assert!(gradient == 1.0 && search < 0.5 && masked, "masked gradients: {gradient} and {search}, {masked}");
    let (gradient, search, masked) = check(true, config);
    assert!(gradient == 0.0 && !masked, "true gradients: {gradient} and {search}, {masked}");
    let l2 = AttackConfig { ball: Ball { norm: Norm::L2, epsilon: 0.5 }, ..config };
    let (gradient, search, masked) = check(false, l2);
    assert!(gradient == 1.0 && search < 0.5 && masked, "masked gradients, l2: {gradient} and {search}, {masked}");
    assert!(!check(true, l2).2);
}

/// A network so sure of itself that the loss of a right answer is zero in f32, and its gradient too.
struct TooSure(Adapted<Network>);

impl Classifier for TooSure {
    fn gpu(&self) -> &Gpu {
        self.0.gpu()
    }

    fn scores(&self, pass: &Pass, images: &Var) -> Result<Var> {
        let scores = self.0.scores(pass, images)?;
        let factors = Tensor::full(self.0.gpu(), &scores.value().shape()[..1], 1e4)?;
        let surer = scale_samples(scores.value(), &factors)?;
        pass.tape().record(surer, &[&scores], move |g| Ok(vec![Some(scale_samples(g, &factors)?)]))
    }
}

#[test]
fn a_saturated_loss_is_found_out() {
    let (network, normalization, images) = trained();
    let ball = Ball { norm: Norm::Linf, epsilon: 24.0 / 255.0 };
    let config = AttackConfig { ball, queries: 60, random_start: false, ..SMALL };
    let sure = TooSure(network);
    let gradient = attack(&sure, &normalization, &images, config);
    let search = attack(&sure, &normalization, &images, AttackConfig { method: Method::Random, ..config });
    let check = MaskCheck::new(&gradient.verdicts, &search.verdicts).unwrap();
    assert!(check.masked, "{check:?}");
}

/// Scores that, according to the tape, do not depend on the images.
struct Detached;

impl Classifier for Detached {
    fn gpu(&self) -> &Gpu {
        gpu()
    }

    fn scores(&self, pass: &Pass, images: &Var) -> Result<Var> {
        Ok(pass.tape().constant(&Tensor::full(gpu(), &[images.value().shape()[0], 2], 1.0)?))
    }
}

#[test]
fn what_cannot_be_attacked_is_refused() {
    let images = near_the_boundary();
    let normalization = plain();
    let refused = |model: &dyn Classifier, images: &Images, config: AttackConfig| {
        let target = Target::new(model, &normalization, LambdaRule::Trained);
        run(&target, images, &config, 4, &mut |_| {}).unwrap_err()
    };
    assert!(matches!(refused(&Detached, &images, SMALL), Error::NoGradient { .. }));
    let halves = || Halves { truthful: true };
    let outside = Images::new([1, 8, 8, 1], vec![0.5; 64], vec![2]).unwrap();
    for method in [Method::Pgd, Method::Random] {
        let config = AttackConfig { method, ..SMALL };
        assert!(matches!(refused(&halves(), &outside, config), Error::Label { label: 2, .. }));
    }
    let argument = |change: fn(&mut AttackConfig)| {
        let mut config = SMALL;
        change(&mut config);
        match refused(&halves(), &images, config) {
            Error::Argument { name, .. } => name,
            other => panic!("{other}"),
        }
    };
    assert_eq!(argument(|c| c.steps = 0), "steps");
    assert_eq!(argument(|c| c.restarts = 0), "restarts");
    assert_eq!(argument(|c| c.draws = 0), "draws");
    assert_eq!(argument(|c| c.queries = 0), "queries");
    assert_eq!(argument(|c| c.momentum = -1.0), "momentum");
    assert_eq!(argument(|c| c.step_size = Some(0.0)), "step-size");
    assert_eq!(argument(|c| c.ball.epsilon = 2.0), "epsilon");
    let model = halves();
    let target = Target::new(&model, &normalization, LambdaRule::Trained);
    assert!(matches!(run(&target, &images, &SMALL, 0, &mut |_| {}), Err(Error::Argument { name: "batch", .. })));
    assert!(matches!(judge(&target, &images, &[0.5; 3], 4), Err(Error::Shape { .. })));
    let wide = Normalization { mean: vec![0.0; 3], std: vec![1.0; 3] };
    let model = halves();
    let target = Target::new(&model, &wide, LambdaRule::Trained);
    assert!(matches!(run(&target, &images, &SMALL, 4, &mut |_| {}), Err(Error::Argument { name: "mean", .. })));
}

#[test]
fn a_frozen_pass_has_the_gradient_of_the_images_and_no_other() {
    let (network, _, _) = trained();
    let x = Tensor::full(gpu(), &[2, 28, 28, 1], 0.5).unwrap();
    let gradient = |frozen: bool| {
        let tape = Tape::new();
        let pass = if frozen { Pass::eval(&tape).frozen() } else { Pass::eval(&tape) };
        let leaf = tape.leaf(&x);
        let scores = network.scores(&pass, &leaf).unwrap();
        assert_eq!(pass.leaves().is_empty(), frozen);
        tape.backward(&scores).unwrap().of("x", &leaf).unwrap().to_vec().unwrap()
    };
    assert_eq!(gradient(true), gradient(false));
}
