//! What pickles may name.

use super::storage::Element;

/// What a pickle may call or refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::files) enum Class {
    /// `collections.OrderedDict`, `dict`
    Dict,
    /// `collections.defaultdict`, whose argument is not its content
    DefaultDict,
    /// `list`, `set`, `torch.Size`
    List,
    /// `torch._utils._rebuild_tensor_v2`, and `_rebuild_tensor`, which has fewer arguments
    Tensor,
    /// `torch._utils._rebuild_parameter`, whose first argument is the tensor
    Parameter,
    /// `torch.FloatStorage` and its like
    Storage(Element),
    /// `numpy.core.multiarray._reconstruct`, whose first argument is `numpy.ndarray`
    Array,
    /// `numpy.ndarray`
    ArrayType,
    /// `numpy.dtype`
    Dtype,
    /// `numpy.core.numeric._frombuffer`, as protocol 5 has it
    FromBuffer,
    /// `_codecs.encode`, of bytes that are written as text
    Encode,
}

/// What a pickle may hold beside containers. Nothing that it names is ever run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::files) enum Admitted {
    /// The tensors of PyTorch.
    Tensors,
    /// The arrays of NumPy.
    Arrays,
}

impl Admitted {
    /// The class of this name.
    ///
    /// # Errors
    /// A message that names what is not admitted.
    pub(super) fn class(self, module: &str, name: &str) -> Result<Class, String> {
        let own = match self {
            Self::Tensors => tensors(module, name),
            Self::Arrays => arrays(module, name),
        };
        own.or_else(|| containers(module, name)).ok_or_else(|| match self {
            Self::Tensors => format!(
                "holds {module}.{name}, which is neither a tensor nor a container, so that it is not read: save \
                 model.state_dict() instead"
            ),
            Self::Arrays => {
                format!("holds {module}.{name}, which is neither an array nor a container, so that it is not read")
            }
        })
    }
}

fn containers(module: &str, name: &str) -> Option<Class> {
    match (module, name) {
        ("collections", "OrderedDict" | "Counter") | ("builtins" | "__builtin__", "dict") => Some(Class::Dict),
        ("collections", "defaultdict") => Some(Class::DefaultDict),
        ("builtins" | "__builtin__", "list" | "set" | "frozenset" | "tuple") => Some(Class::List),
        _ => None,
    }
}

fn tensors(module: &str, name: &str) -> Option<Class> {
    match (module, name) {
        ("torch", "Size") => Some(Class::List),
        ("torch._utils", "_rebuild_tensor_v2" | "_rebuild_tensor") => Some(Class::Tensor),
        ("torch._utils", "_rebuild_parameter") => Some(Class::Parameter),
        ("torch", storage) => Element::of_storage(storage).map(Class::Storage),
        _ => None,
    }
}

fn arrays(module: &str, name: &str) -> Option<Class> {
    match (module, name) {
        ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => Some(Class::Array),
        ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer") => Some(Class::FromBuffer),
        ("numpy", "ndarray") => Some(Class::ArrayType),
        ("numpy", "dtype") => Some(Class::Dtype),
        ("_codecs", "encode") => Some(Class::Encode),
        _ => None,
    }
}
