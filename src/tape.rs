//! Reverse-mode differentiation. A [`Tape`] knows no ops: each op computes its value and provides a closure that
//! turns the gradient of the value into the gradients of the inputs. Only the tape sums gradients.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};
use crate::tensor::Tensor;

type Backward = Box<dyn FnOnce(&Tensor) -> Result<Vec<Option<Tensor>>>>;

struct Node {
    inputs: Vec<Option<usize>>,
    backward: Option<Backward>,
}

/// A value that may be recorded on a tape.
#[derive(Clone, Debug)]
pub struct Var {
    value: Tensor,
    place: Option<Place>,
    recomputed: Option<Saved>,
}

/// A node, and its tape.
#[derive(Clone, Copy, Debug)]
struct Place {
    tape: u64,
    node: usize,
}

/// A value that a backward closure needs: kept in memory, or recomputed on first use if it is cheap to compute from what
/// is kept anyway. This is the crate's one mechanism for checkpointing.
#[derive(Clone)]
pub struct Saved<T = Tensor>(Rc<Source<T>>);

enum Source<T> {
    Kept(T),
    Recomputed { recipe: Box<dyn Fn() -> Result<T>>, value: RefCell<Option<T>> },
}

impl<T: Clone> Saved<T> {
    /// This value.
    pub fn kept(value: T) -> Self {
        Self(Rc::new(Source::Kept(value)))
    }

    /// The result of `recipe`, computed on first use.
    pub fn recomputed(recipe: impl Fn() -> Result<T> + 'static) -> Self {
        Self(Rc::new(Source::Recomputed { recipe: Box::new(recipe), value: RefCell::new(None) }))
    }

    /// The value.
    ///
    /// # Errors
    /// Whatever recomputing it reports.
    pub fn get(&self) -> Result<T> {
        match &*self.0 {
            Source::Kept(value) => Ok(value.clone()),
            Source::Recomputed { recipe, value } => {
                if let Some(value) = &*value.borrow() {
                    return Ok(value.clone());
                }
                let computed = recipe()?;
                *value.borrow_mut() = Some(computed.clone());
                Ok(computed)
            }
        }
    }
}

impl<T> std::fmt::Debug for Saved<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if matches!(*self.0, Source::Kept(_)) { "Saved(kept)" } else { "Saved(recomputed)" })
    }
}

impl Var {
    /// The value.
    pub fn value(&self) -> &Tensor {
        &self.value
    }

    /// The value, for a backward closure to keep.
    pub fn saved(&self) -> Saved {
        self.recomputed.clone().unwrap_or_else(|| Saved::kept(self.value.clone()))
    }

    /// Keeps `saved`, which recomputes the value, in place of the value.
    pub fn saved_as(mut self, saved: Saved) -> Self {
        if self.tracked() {
            self.recomputed = Some(saved);
        }
        self
    }

    /// Whether a gradient is needed here: ops skip the work for inputs without one.
    pub fn tracked(&self) -> bool {
        self.place.is_some()
    }
}

/// The record of one forward pass.
pub struct Tape {
    id: u64,
    nodes: RefCell<Vec<Node>>,
    idle: bool,
}

impl Default for Tape {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Tape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tape({} nodes)", self.nodes.borrow().len())
    }
}

impl Tape {
    /// A tape that records.
    pub fn new() -> Self {
        static TAPES: AtomicU64 = AtomicU64::new(0);
        Self { id: TAPES.fetch_add(1, Ordering::Relaxed), nodes: RefCell::default(), idle: false }
    }

    /// A tape that records nothing: for inference, where each value is freed right after its last use.
    pub fn idle() -> Self {
        Self { idle: true, ..Self::new() }
    }

    /// Whether it records.
    pub fn records(&self) -> bool {
        !self.idle
    }

    /// A value whose gradient is needed: a parameter, or an input under attack.
    pub fn leaf(&self, value: &Tensor) -> Var {
        self.push(value.clone(), Vec::new(), None)
    }

    /// A value without gradient: data.
    pub fn constant(&self, value: &Tensor) -> Var {
        Var { value: value.clone(), place: None, recomputed: None }
    }

    /// The result of an op. `backward` gets the gradient of `value` and returns one for each of `inputs`, in order;
    /// `None` for an input that is not [`Var::tracked`].
    ///
    /// # Errors
    /// [`Error::OtherTape`] for an input that was recorded on another tape.
    pub fn record(
        &self,
        value: Tensor,
        inputs: &[&Var],
        backward: impl FnOnce(&Tensor) -> Result<Vec<Option<Tensor>>> + 'static,
    ) -> Result<Var> {
        let inputs = inputs.iter().map(|v| self.node(v)).collect::<Result<Vec<_>>>()?;
        if inputs.iter().all(Option::is_none) {
            return Ok(self.constant(&value));
        }
        Ok(self.push(value, inputs, Some(Box::new(backward))))
    }

    /// The node of a value on this tape, if it has one.
    fn node(&self, var: &Var) -> Result<Option<usize>> {
        match var.place {
            Some(place) if place.tape != self.id => Err(Error::OtherTape),
            place => Ok(place.map(|p| p.node)),
        }
    }

    fn push(&self, value: Tensor, inputs: Vec<Option<usize>>, backward: Option<Backward>) -> Var {
        if self.idle {
            return self.constant(&value);
        }
        let mut nodes = self.nodes.borrow_mut();
        nodes.push(Node { inputs, backward });
        Var { value, place: Some(Place { tape: self.id, node: nodes.len() - 1 }), recomputed: None }
    }

    /// The gradients of `sum(output)` (of the loss, if `output` is one value) with respect to every leaf.
    ///
    /// # Errors
    /// [`Error::OtherTape`] for an output of another tape, and those of the ops' gradients.
    pub fn backward(self, output: &Var) -> Result<Gradients> {
        let seed = Tensor::full(output.value.gpu(), output.value.shape(), 1.0)?;
        self.backward_from(output, &seed)
    }

    /// The gradients of `<output, upstream>` with respect to every leaf.
    ///
    /// # Errors
    /// [`Error::OtherTape`] for an output of another tape, [`Error::Shape`] where `upstream` has not the shape of
    /// `output`, and those of the ops' gradients.
    pub fn backward_from(self, output: &Var, upstream: &Tensor) -> Result<Gradients> {
        crate::tensor::same_shape("backward", &output.value, upstream)?;
        let mut gradients = Gradients { tape: self.id, by_node: HashMap::new() };
        let Some(last) = self.node(output)? else { return Ok(gradients) };
        gradients.accumulate(last, upstream.clone())?;
        let mut nodes = self.nodes.into_inner();
        nodes.truncate(last + 1);
        // Popping a node frees what it kept as soon as its gradients are computed.
        while let Some(node) = nodes.pop() {
            let Some(backward) = node.backward else { continue };
            let Some(upstream) = gradients.by_node.remove(&nodes.len()) else { continue };
            for (input, gradient) in node.inputs.into_iter().zip(backward(&upstream)?) {
                if let (Some(input), Some(gradient)) = (input, gradient) {
                    gradients.accumulate(input, gradient)?;
                }
            }
        }
        Ok(gradients)
    }
}

/// The gradients that [`Tape::backward`] has computed, by leaf.
#[derive(Debug)]
pub struct Gradients {
    tape: u64,
    by_node: HashMap<usize, Tensor>,
}

impl Gradients {
    /// The only place where gradients are summed.
    fn accumulate(&mut self, node: usize, gradient: Tensor) -> Result<()> {
        let sum = match self.by_node.remove(&node) {
            Some(so_far) => so_far.add(&gradient)?,
            None => gradient,
        };
        self.by_node.insert(node, sum);
        Ok(())
    }

    /// The gradient of a leaf.
    ///
    /// # Errors
    /// [`Error::OtherTape`] for a leaf of another tape, [`Error::NoGradient`] with `name` where the output does not
    /// depend on it.
    pub fn of(&self, name: &str, leaf: &Var) -> Result<&Tensor> {
        if leaf.place.is_some_and(|p| p.tape != self.tape) {
            return Err(Error::OtherTape);
        }
        leaf.place.and_then(|p| self.by_node.get(&p.node)).ok_or_else(|| Error::NoGradient { name: name.into() })
    }
}
