//! Reverse-mode differentiation. A [`Tape`] knows no op: an op computes its value, and hands over a closure that
//! turns the gradient of the value into the gradients of the inputs. Only the tape adds gradients up.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::error::{Error, Result};
use crate::tensor::Tensor;

type Backward = Box<dyn FnOnce(&Tensor) -> Result<Vec<Option<Tensor>>>>;

struct Node {
    inputs: Vec<Option<usize>>,
    backward: Option<Backward>,
}

/// A value that may have a place on a tape.
#[derive(Clone, Debug)]
pub struct Var {
    value: Tensor,
    node: Option<usize>,
    rebuilt: Option<Saved>,
}

/// A value for a backward closure to keep. One that is cheap to compute from others that are kept anyway is not held in
/// memory until then, but rebuilt when it is first asked for.
#[derive(Clone)]
pub struct Saved(Rc<Source>);

enum Source {
    Kept(Tensor),
    Rebuilt { recipe: Box<dyn Fn() -> Result<Tensor>>, value: RefCell<Option<Tensor>> },
}

impl Saved {
    /// A value that `recipe` computes when it is asked for.
    pub fn rebuilt(recipe: impl Fn() -> Result<Tensor> + 'static) -> Self {
        Self(Rc::new(Source::Rebuilt { recipe: Box::new(recipe), value: RefCell::default() }))
    }

    /// The value.
    ///
    /// # Errors
    /// Those of rebuilding it.
    pub fn get(&self) -> Result<Tensor> {
        match &*self.0 {
            Source::Kept(value) => Ok(value.clone()),
            Source::Rebuilt { recipe, value } => {
                if let Some(value) = &*value.borrow() {
                    return Ok(value.clone());
                }
                let rebuilt = recipe()?;
                *value.borrow_mut() = Some(rebuilt.clone());
                Ok(rebuilt)
            }
        }
    }
}

impl std::fmt::Debug for Saved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if matches!(*self.0, Source::Kept(_)) { "Saved(kept)" } else { "Saved(rebuilt)" })
    }
}

impl Var {
    /// The value.
    pub fn value(&self) -> &Tensor {
        &self.value
    }

    /// The value, for a backward closure to keep.
    pub fn saved(&self) -> Saved {
        self.rebuilt.clone().unwrap_or_else(|| Saved(Rc::new(Source::Kept(self.value.clone()))))
    }

    /// Has `saved`, which rebuilds the value, kept in its place.
    pub fn saved_as(mut self, saved: Saved) -> Self {
        if self.tracked() {
            self.rebuilt = Some(saved);
        }
        self
    }

    /// Whether a gradient is wanted here: ops skip the work for inputs that want none.
    pub fn tracked(&self) -> bool {
        self.node.is_some()
    }
}

/// The record of one forward pass.
#[derive(Default)]
pub struct Tape {
    nodes: RefCell<Vec<Node>>,
    idle: bool,
}

impl std::fmt::Debug for Tape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tape({} nodes)", self.nodes.borrow().len())
    }
}

impl Tape {
    /// A tape that records.
    pub fn new() -> Self {
        Self::default()
    }

    /// A tape that records nothing: for inference, where each value is freed as soon as it has been used.
    pub fn idle() -> Self {
        Self { idle: true, ..Self::default() }
    }

    /// Whether it records.
    pub fn records(&self) -> bool {
        !self.idle
    }

    /// A value whose gradient is wanted: a parameter, or an input under attack.
    pub fn leaf(&self, value: &Tensor) -> Var {
        self.push(value.clone(), Vec::new(), None)
    }

    /// A value whose gradient nobody wants: data.
    pub fn constant(&self, value: &Tensor) -> Var {
        Var { value: value.clone(), node: None, rebuilt: None }
    }

    /// The result of an op. `backward` gets the gradient of `value` and returns one for each of `inputs`, in order;
    /// `None` for an input that is not [`Var::tracked`].
    pub fn record(
        &self,
        value: Tensor,
        inputs: &[&Var],
        backward: impl FnOnce(&Tensor) -> Result<Vec<Option<Tensor>>> + 'static,
    ) -> Var {
        let inputs = inputs.iter().map(|v| v.node).collect::<Vec<_>>();
        if inputs.iter().all(Option::is_none) {
            return Var { value, node: None, rebuilt: None };
        }
        self.push(value, inputs, Some(Box::new(backward)))
    }

    fn push(&self, value: Tensor, inputs: Vec<Option<usize>>, backward: Option<Backward>) -> Var {
        if self.idle {
            return Var { value, node: None, rebuilt: None };
        }
        let mut nodes = self.nodes.borrow_mut();
        nodes.push(Node { inputs, backward });
        Var { value, node: Some(nodes.len() - 1), rebuilt: None }
    }

    /// The gradients of `sum(output)` (for a loss of one value, of the loss) with respect to every leaf.
    ///
    /// # Errors
    /// Those of the ops' gradients.
    pub fn backward(self, output: &Var) -> Result<Gradients> {
        let seed = Tensor::full(output.value.gpu(), output.value.shape(), 1.0)?;
        self.backward_from(output, &seed)
    }

    /// The gradients of `<output, upstream>` with respect to every leaf.
    ///
    /// # Errors
    /// Those of the ops' gradients; [`Error::Shape`] where `upstream` has not the shape of `output`.
    pub fn backward_from(self, output: &Var, upstream: &Tensor) -> Result<Gradients> {
        crate::tensor::same_shape("backward", &output.value, upstream)?;
        let mut gradients = Gradients::default();
        let Some(last) = output.node else { return Ok(gradients) };
        gradients.accumulate(last, upstream.clone())?;
        let mut nodes = self.nodes.into_inner();
        nodes.truncate(last + 1);
        // Popping frees what a node has kept as soon as its gradients are computed.
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

/// What [`Tape::backward`] found, by leaf.
#[derive(Debug, Default)]
pub struct Gradients {
    by_node: HashMap<usize, Tensor>,
}

impl Gradients {
    /// The one place where gradients are added up.
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
    /// [`Error::NoGradient`] with `name` where the output does not depend on it.
    pub fn of(&self, name: &str, leaf: &Var) -> Result<&Tensor> {
        leaf.node.and_then(|n| self.by_node.get(&n)).ok_or_else(|| Error::NoGradient { name: name.into() })
    }
}
