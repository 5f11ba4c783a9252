//! Atoms in pixels, where no syntheses lead there.

use super::until::codes_of;
use crate::error::{Error, Result};
use crate::layers::Pass;
use crate::models::Network;
use crate::tape::Tape;
use crate::tensor::Tensor;

/// For every atom of a layer, the gradient of its largest code with respect to one image `[1, height, width, channels]`: the
/// pixels that raise that code. `[atoms, height, width, channels]`; zero for atoms without a code.
///
/// # Errors
/// [`Error::Argument`] for a layer that the network does not have, [`Error::Shape`] for another number of images,
/// [`Error::OutOfMemory`].
pub fn atoms_by_gradient(network: &Network, layer: &str, image: &Tensor) -> Result<Tensor> {
    let &[1, height, width, channels] = image.shape() else {
        return Err(Error::shape("atoms_by_gradient", "takes one image", &[image.shape()]));
    };
    let one = Tape::idle();
    let codes = codes_of(network, &Pass::eval(&one), layer, &one.constant(image))?.value().clone();
    let &[_, code_height, code_width, atoms] = codes.shape() else {
        return Err(Error::shape("atoms_by_gradient", "codes are [n, height, width, atoms]", &[codes.shape()]));
    };
    let values = codes.to_vec()?;
    let places = code_height * code_width;
    // One copy of the image for each atom, and of its codes the atom's largest.
    let mut upstream = vec![0.0; atoms * places * atoms];
    for atom in 0..atoms {
        let code = |place: &usize| values[place * atoms + atom].abs();
        let largest = (0..places).max_by(|a, b| code(a).total_cmp(&code(b))).unwrap_or(0);
        upstream[(atom * places + largest) * atoms + atom] = 1.0;
    }
    let copies = Tensor::from_slice(image.gpu(), &[atoms, height, width, channels], &image.to_vec()?.repeat(atoms))?;
    let upstream = Tensor::from_slice(image.gpu(), &[atoms, code_height, code_width, atoms], &upstream)?;
    let tape = Tape::new();
    let x = tape.leaf(&copies);
    let codes = codes_of(network, &Pass::eval(&tape).frozen(), layer, &x)?;
    Ok(tape.backward_from(&codes, &upstream)?.of("the images", &x)?.clone())
}
