//! The shared device, golden files, and the conversions between the layouts.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use safetensors::SafeTensors;
use sdnet::checkpoint::restore;
use sdnet::files::NamedTensors;
use sdnet::gpu::{Gpu, GpuOptions, Schedule};
use sdnet::layers::{PartMut, Path, Walk};
use sdnet::models::{Architecture, ModelConfig, Network};
use sdnet::tensor::{Tensor, nchw_to_nhwc, nhwc_to_nchw};

/// The device of this test binary, within baseline limits.
pub fn gpu() -> &'static Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    GPU.get_or_init(|| Gpu::open(&GpuOptions { baseline_limits: true, ..options() }).unwrap_or_else(|e| panic!("{e}")))
}

/// The adapter that `SDNET_ADAPTER` names, the schedule that `SDNET_SCHEDULE` does, and checks with
/// `SDNET_BOUNDS_CHECKS=1`.
pub fn options() -> GpuOptions {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let schedule = variable("SDNET_SCHEDULE").map(|name| Schedule::named(&name).unwrap_or_else(|| panic!("{name}")));
    GpuOptions {
        adapter: variable("SDNET_ADAPTER"),
        schedule,
        bounds_checks: variable("SDNET_BOUNDS_CHECKS").is_some_and(|value| value == "1"),
        ..GpuOptions::default()
    }
}

/// A network with these tensors, all of which it must use.
pub fn network_of(config: &ModelConfig, tensors: &mut NamedTensors) -> Network {
    let network = Network::build(gpu(), config).unwrap();
    restore(&network, tensors).unwrap();
    assert!(tensors.is_empty(), "{:?} are left over", tensors.keys());
    network
}

/// Gives every sparse coding layer a step size that training keeps.
pub fn set_steps(network: &mut Network, step: f32) {
    network.visit_mut(&Path::root(), &mut |_, part| {
        if let PartMut::Sparse(csc) = part {
            csc.fix_step(step).unwrap();
        }
    });
}

/// Has training keep the step size that every sparse coding layer has.
pub fn keep_steps(network: &mut Network) {
    network.visit_mut(&Path::root(), &mut |_, part| {
        if let PartMut::Sparse(csc) = part {
            csc.fix_step(csc.step().unwrap().to_vec().unwrap()[0]).unwrap();
        }
    });
}

/// A golden file: tensors as stored, and metadata.
pub struct Golden {
    pub tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    pub metadata: BTreeMap<String, String>,
}

impl Golden {
    pub fn open(name: &str) -> Self {
        let path = format!("{}/tests/golden/{name}.safetensors", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let tensors = file.tensors().into_iter().map(|(name, view)| {
            let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
            (name, (view.shape().to_vec(), values))
        });
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let metadata = header.metadata().clone().unwrap_or_default();
        Self { tensors: tensors.collect(), metadata: metadata.into_iter().collect() }
    }

    /// The values of a tensor, as stored.
    pub fn values(&self, name: &str) -> &[f32] {
        &self.tensors.get(name).unwrap_or_else(|| panic!("no tensor {name}")).1
    }

    pub fn number<T: std::str::FromStr>(&self, key: &str) -> T {
        let text = self.metadata.get(key).unwrap_or_else(|| panic!("no metadata {key}"));
        text.parse().unwrap_or_else(|_| panic!("{key} = {text}"))
    }

    pub fn is(&self, key: &str) -> bool {
        self.metadata[key] == "True"
    }

    /// A tensor on the device; if it has four dimensions, converted to channels last.
    pub fn upload(&self, name: &str) -> Tensor {
        let (shape, values) = &self.tensors[name];
        from_nchw(shape, values)
    }
}

/// A tensor on the device from values in the file layout.
pub fn from_nchw(shape: &[usize], values: &[f32]) -> Tensor {
    match *shape {
        [n, c, h, w] => Tensor::from_slice(gpu(), &[n, h, w, c], &nchw_to_nhwc(shape, values).unwrap()).unwrap(),
        _ => Tensor::from_slice(gpu(), shape, values).unwrap(),
    }
}

/// The values of a tensor in the file layout.
pub fn to_nchw(tensor: &Tensor) -> Vec<f32> {
    let values = tensor.to_vec().unwrap();
    if tensor.shape().len() == 4 { nhwc_to_nchw(tensor.shape(), &values).unwrap() } else { values }
}

/// `|got - want| / |want|` in the l2 norm; infinite where anything is not finite or the lengths differ.
pub fn relative_l2(got: &[f32], want: &[f32]) -> f64 {
    if got.len() != want.len() || got.iter().chain(want).any(|v| !v.is_finite()) {
        return f64::INFINITY;
    }
    let square = |v: f64| v * v;
    let error: f64 = got.iter().zip(want).map(|(g, w)| square(f64::from(*g) - f64::from(*w))).sum();
    let size: f64 = want.iter().map(|w| square(f64::from(*w))).sum();
    if size == 0.0 { if error == 0.0 { 0.0 } else { f64::INFINITY } } else { (error / size).sqrt() }
}

/// Fails, naming `what`, unless `got` is within `bound` of `want` in relative l2.
#[track_caller]
pub fn assert_close(what: &str, got: &[f32], want: &[f32], bound: f64) {
    let error = relative_l2(got, want);
    assert!(error <= bound, "{what}: relative l2 error {error:.2e} exceeds {bound:.0e}");
}
