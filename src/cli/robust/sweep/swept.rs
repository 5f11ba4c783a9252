//! What a sweep has found: accuracy by column (a way to choose lambda) and level (a corruption).

use crate::checkpoint::Recipe;
use crate::error::Result;
use crate::metrics::Difference;
use crate::models::Network;
use crate::robust::corrupt::Corruption;
use crate::robust::sweep::{Level, Outcome, Run};
use crate::robust::{Adapted, Calibration, Filter, LambdaRule};

/// One way to run a network, and what became of the images.
pub struct Column {
    /// What figures call it: `trained`, a number, `auto` and so on, `median` for images behind a filter, or `baseline`.
    pub name: String,
    pub run: Run,
    /// One for each of [`Swept::levels`].
    pub outcomes: Vec<Outcome>,
}

impl Column {
    fn new(name: impl Into<String>, run: impl Into<Run>) -> Self {
        Self { name: name.into(), run: run.into(), outcomes: Vec::new() }
    }

    /// Share of the images of a level whose best class is right.
    pub fn accuracy(&self, level: usize) -> f64 {
        self.outcomes[level].accuracy()
    }

    /// How this differs from another column at a level, image by image.
    pub fn against(&self, other: &Column, level: usize) -> Difference {
        Difference::between(&self.outcomes[level].correct, &other.outcomes[level].correct)
    }
}

/// A column with the same lambda for every image.
pub struct FixedColumn {
    pub lambda: f32,
    pub column: Column,
}

/// What was done to images: noise, or a corruption of a folder.
#[derive(Clone, Debug, PartialEq)]
pub struct Damage {
    pub kind: String,
    /// The level of noise, or the severity.
    pub level: f32,
}

impl From<Corruption> for Damage {
    fn from(corruption: Corruption) -> Self {
        Self { kind: corruption.kind().name().into(), level: corruption.level() }
    }
}

/// Everything that a sweep has found.
pub struct Swept {
    /// What was done to the images of each level; nothing to clean ones.
    pub levels: Vec<Option<Damage>>,
    /// The lambda of the training.
    pub trained_lambda: f32,
    /// The network as it was trained.
    pub trained: Column,
    /// By lambda, ascending.
    pub fixed: Vec<FixedColumn>,
    /// Lambda chosen for each image.
    pub chosen: Vec<Column>,
    /// The network with what people do without robust inference, and together with it.
    pub usual: Vec<Column>,
    /// Other networks to compare with: each as it was trained, and then with what people do, and behind the same repair of impulse
    /// noise.
    pub baselines: Vec<Vec<Column>>,
}

impl Swept {
    /// The columns for this network and so many others, without any level yet; with those of what people do, if wanted.
    ///
    /// # Errors
    /// Those of [`Calibration::of`] and [`Adapted::check_one_lambda`].
    pub fn new(
        network: &Adapted<Network>,
        recipe: &Recipe,
        lambdas: &[f32],
        baselines: usize,
        usual: bool,
    ) -> Result<Self> {
        network.check_one_lambda()?;
        let fixed = |lambda: &f32| FixedColumn {
            lambda: *lambda,
            column: Column::new(lambda.to_string(), LambdaRule::Fixed(*lambda)),
        };
        let chosen = chosen(network, recipe)?;
        let mut own = if usual { self::usual("") } else { Vec::new() };
        if let Some(free) = chosen.first().filter(|_| usual) {
            own.extend(filtered(&format!("{}+", free.name), free.run.rule));
        }
        let baseline = |place: usize| {
            let name = if place == 0 { "baseline".to_owned() } else { format!("baseline-{}", place + 1) };
            let repair = network.recalibration().map(|r| Run { repair: Some(r.clean), ..Run::default() });
            let mut columns = vec![Column::new(name.clone(), LambdaRule::Trained)];
            if usual {
                columns.extend(self::usual(&format!("{name}+")));
                columns.extend(repair.map(|run| Column::new(format!("{name}+repair"), run)));
            }
            columns
        };
        Ok(Self {
            levels: Vec::new(),
            trained_lambda: network.trained_lambda().unwrap_or(recipe.model.lambda),
            trained: Column::new("trained", LambdaRule::Trained),
            fixed: lambdas.iter().map(fixed).collect(),
            chosen,
            usual: own,
            baselines: (0..baselines).map(baseline).collect(),
        })
    }

    /// The columns of the network itself, in the order of the figures.
    pub fn own_columns(&self) -> impl Iterator<Item = &Column> {
        let fixed = self.fixed.iter().map(|fixed| &fixed.column);
        std::iter::once(&self.trained).chain(fixed).chain(&self.chosen).chain(&self.usual)
    }

    /// The first of the other networks, as it was trained.
    pub fn baseline(&self) -> Option<&Column> {
        self.baselines.first()?.first()
    }

    /// How the network itself is run: [`Swept::own_columns`].
    pub fn runs(&self) -> Vec<Run> {
        self.own_columns().map(|column| column.run).collect()
    }

    /// Adds a level that was swept over [`Swept::runs`], and the same images in the runs of every other network.
    pub fn add(&mut self, damage: Option<Damage>, own: Level, others: Vec<Level>) {
        self.levels.push(damage);
        let fixed = self.fixed.iter_mut().map(|fixed| &mut fixed.column);
        let columns = std::iter::once(&mut self.trained).chain(fixed).chain(&mut self.chosen).chain(&mut self.usual);
        columns.zip(own.outcomes).for_each(|(column, outcome)| column.outcomes.push(outcome));
        for (columns, level) in self.baselines.iter_mut().zip(others) {
            columns.iter_mut().zip(level.outcomes).for_each(|(column, outcome)| column.outcomes.push(outcome));
        }
    }

    /// The fixed lambda with the best accuracy at a level, the smallest of equals.
    pub fn best(&self, level: usize) -> Option<&FixedColumn> {
        self.fixed.iter().reduce(
            |best, fixed| {
                if fixed.column.accuracy(level) > best.column.accuracy(level) { fixed } else { best }
            },
        )
    }

    /// The numbers of the levels of clean images.
    pub fn clean_levels(&self) -> impl Iterator<Item = usize> {
        (0..self.levels.len()).filter(|level| self.levels[*level].is_none())
    }

    /// The numbers of all other levels.
    pub fn noisy_levels(&self) -> impl Iterator<Item = usize> {
        (0..self.levels.len()).filter(|level| self.levels[*level].is_some())
    }

    /// The kinds of noise or corruption, in order.
    pub fn noises(&self) -> Vec<NoiseLevels> {
        let mut all: Vec<NoiseLevels> = Vec::new();
        for (level, damage) in self.levels.iter().enumerate() {
            let Some(Damage { kind, .. }) = damage else { continue };
            match all.iter_mut().find(|known| known.kind == *kind) {
                Some(known) => known.levels.push(level),
                None => all.push(NoiseLevels { kind: kind.clone(), levels: vec![level] }),
            }
        }
        all
    }
}

/// The rules that choose lambda for each image, of a network that has been recalibrated.
fn chosen(network: &Adapted<Network>, recipe: &Recipe) -> Result<Vec<Column>> {
    if network.recalibration().is_none() {
        return Ok(Vec::new());
    }
    let mut columns = vec![Column::new("auto-free", LambdaRule::label_free(network)?)];
    if let Some(calibration) = Calibration::of(recipe)? {
        columns.push(Column::new("auto", calibration.rule(None)?));
        for noise in calibration.by_noise.keys() {
            columns.push(Column::new(format!("auto-{noise}"), calibration.rule(Some(*noise))?));
        }
    }
    Ok(columns)
}

/// What people do to a network as it was trained: filters, and batch-norm statistics of the batch.
fn usual(prefix: &str) -> Vec<Column> {
    let mut columns = filtered(prefix, LambdaRule::Trained);
    columns.push(Column::new(format!("{prefix}batch-statistics"), Run { batch_statistics: true, ..Run::default() }));
    columns
}

/// A rule behind every filter.
fn filtered(prefix: &str, rule: LambdaRule) -> Vec<Column> {
    let column =
        |filter: Filter| Column::new(format!("{prefix}{filter}"), Run { filter: Some(filter), ..Run::from(rule) });
    Filter::ALL.map(column).into()
}

/// A kind of noise or corruption, and the numbers of its levels.
pub struct NoiseLevels {
    pub kind: String,
    pub levels: Vec<usize>,
}
