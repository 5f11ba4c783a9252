//! The subset of Fashion-MNIST that is part of the crate.

use std::path::Path;

use super::{Dataset, Split, idx};
use crate::error::Result;

/// The classes of Fashion-MNIST in the order of their labels.
pub(super) const FASHION_CLASSES: [&str; 10] =
    ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"];

macro_rules! asset {
    ($name:literal) => {
        include_bytes!(concat!("../../assets/fashion-mnist/", $name))
    };
}

/// The bundled subset of Fashion-MNIST: 28x28 grey, 10 classes, the first 1,000 training and the first 200 test images of
/// each class. Its name is `fashion-mnist-small`.
///
/// The files (5.0 MiB gzipped) are compiled into the crate, so it is there wherever the program runs. A program that
/// links the crate but calls neither this nor [`load`](super::load) does not contain them.
///
/// Data: Han Xiao, Kashif Rasul, Roland Vollgraf, arXiv 1708.07747; MIT licence, Zalando SE.
///
/// # Errors
/// [`Error::File`](crate::error::Error::File) if the crate was built from damaged files.
pub fn bundled(split: Split) -> Result<Dataset> {
    let (images, labels): (&[u8], &[u8]) = match split {
        Split::Train => (asset!("train-images-idx3-ubyte.gz"), asset!("train-labels-idx1-ubyte.gz")),
        Split::Test => (asset!("t10k-images-idx3-ubyte.gz"), asset!("t10k-labels-idx1-ubyte.gz")),
    };
    let data = idx::read_pair(images, Path::new("bundled images"), labels, Path::new("bundled labels"))?;
    let class_names = FASHION_CLASSES.map(str::to_owned).to_vec();
    Ok(Dataset { name: "fashion-mnist-small".to_owned(), class_names, classes: 10, ..data })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundled_subset_is_balanced() {
        for (split, each) in [(Split::Train, 1000), (Split::Test, 200)] {
            let data = bundled(split).unwrap();
            assert_eq!((data.height, data.width, data.channels, data.classes), (28, 28, 1, 10));
            for class in 0..10 {
                assert_eq!(data.labels.iter().filter(|&&l| l == class).count(), each, "class {class}");
            }
        }
    }
}
