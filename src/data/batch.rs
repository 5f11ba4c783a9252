//! A batch of images as a network takes them, on the host.

use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::tensor::Tensor;

/// Normalised images `[n, height, width, channels]`, on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    shape: [usize; 4],
    values: Vec<f32>,
}

impl Batch {
    /// Images with these values.
    ///
    /// # Errors
    /// [`Error::Shape`] if the values do not fill the shape, or if there are none.
    pub fn new(shape: [usize; 4], values: Vec<f32>) -> Result<Self> {
        if shape.contains(&0) || values.len() != shape.iter().product::<usize>() {
            return Err(Error::shape("images", format!("{} values do not fill the shape", values.len()), &[&shape]));
        }
        Ok(Self { shape, values })
    }

    /// `[n, height, width, channels]`
    pub fn shape(&self) -> [usize; 4] {
        self.shape
    }

    /// All values.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Height, width and channels of each image.
    pub fn size(&self) -> [usize; 3] {
        let [_, height, width, channels] = self.shape;
        [height, width, channels]
    }

    /// The images, one by one.
    pub fn images(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.size().iter().product())
    }

    /// The images, one by one, to be changed.
    pub fn images_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        let len = self.size().iter().product();
        self.values.chunks_exact_mut(len)
    }

    /// The images on the device.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn upload(&self, gpu: &Gpu) -> Result<Tensor> {
        Tensor::from_slice(gpu, &self.shape, &self.values)
    }
}
