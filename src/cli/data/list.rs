//! What is read, and where it comes from.

use serde::Serialize;

/// A data set, or a layout of files.
#[derive(Serialize)]
pub(super) struct Known {
    /// What it is called.
    name: &'static str,
    /// How it is named on the command line.
    flags: &'static str,
    /// The files, exactly as they must be named.
    files: &'static str,
    /// Where it is published; nothing for a layout.
    home: Option<&'static str>,
    /// Images and bytes, as published.
    size: Option<&'static str>,
    licence: Option<&'static str>,
}

/// Nothing of it is ever downloaded.
pub(super) const KNOWN: [Known; 10] = [
    Known {
        name: "Fashion-MNIST",
        flags: "--data fashion-mnist [--root FOLDER]",
        files: "train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz (or \
                unpacked, without .gz) in FOLDER; without --root, in /usr/share/datasets/fashion-mnist, and if that is not there, \
                the bundled subset",
        home: Some("github.com/zalandoresearch/fashion-mnist"),
        size: Some("60,000 and 10,000 grey images of 28x28, 10 classes; 30 MB"),
        licence: Some("MIT"),
    },
    Known {
        name: "Fashion-MNIST, a part of it",
        flags: "--data fashion-mnist-small",
        files: "none: it is part of the program",
        home: None,
        size: Some("10,000 and 2,000 grey images of 28x28, 10 classes"),
        licence: Some("MIT"),
    },
    Known {
        name: "CIFAR-10",
        flags: "--data cifar10 --root FOLDER",
        files: "data_batch_1.bin to data_batch_5.bin and test_batch.bin (binary version), or data_batch_1 to data_batch_5 and \
                test_batch (python version), in FOLDER or in its cifar-10-batches-bin or cifar-10-batches-py",
        home: Some("www.cs.toronto.edu/~kriz/cifar.html"),
        size: Some("50,000 and 10,000 RGB images of 32x32, 10 classes; 163 MB"),
        licence: None,
    },
    Known {
        name: "CIFAR-100",
        flags: "--data cifar100 --root FOLDER",
        files: "train.bin, test.bin and fine_label_names.txt (binary version), or train, test and meta (python version), in FOLDER \
                or in its cifar-100-binary or cifar-100-python",
        home: Some("www.cs.toronto.edu/~kriz/cifar.html"),
        size: Some("50,000 and 10,000 RGB images of 32x32, 100 classes; 161 MB"),
        licence: None,
    },
    Known {
        name: "CIFAR-10-C, to test on",
        flags: "--data FOLDER [--corruption NAME] [--severity N], for eval and robust sweep; --data FOLDER/NAME.npy elsewhere",
        files: "labels.npy and NAME.npy for each corruption, such as fog.npy: five severities one after the other; any number of \
                images that can be divided by five",
        home: Some("zenodo.org/records/2535967 (github.com/hendrycks/robustness)"),
        size: Some("19 corruptions of 5 x 10,000 RGB images of 32x32; 2.9 GB"),
        licence: Some("CC BY 4.0"),
    },
    Known {
        name: "MNIST, and other IDX files",
        flags: "--data FOLDER",
        files: "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte, plain or .gz, \
                also with a dot (train-images.idx3-ubyte), in FOLDER or in its raw, MNIST/raw or FashionMNIST/raw",
        home: Some("yann.lecun.com/exdb/mnist"),
        size: Some("60,000 and 10,000 grey images of 28x28, 10 classes; 12 MB"),
        licence: None,
    },
    Known {
        name: "ImageNet, and other folders of images",
        flags: "--data FOLDER [--size N]",
        files: "train/CLASS/* and test/CLASS/* (or val, valid, validation): PNG, JPEG, WebP, BMP, GIF, TIFF; images of several \
                sizes need --size",
        home: Some("image-net.org"),
        size: Some("1,281,167 and 50,000 RGB images of many sizes, 1,000 classes; 145 GB"),
        licence: Some("on request, for research"),
    },
    Known {
        name: "Folders of images without a test set",
        flags: "--data FOLDER --hold-out SHARE [--size N]",
        files: "CLASS/* or train/CLASS/*",
        home: None,
        size: None,
        licence: None,
    },
    Known {
        name: "NumPy files",
        flags: "--data FOLDER",
        files: "x_train.npy, y_train.npy, x_test.npy, y_test.npy: bytes (uint8) [n, height, width], [n, height, width, channels] or \
                [n, channels, height, width], and integers [n]",
        home: None,
        size: None,
        licence: None,
    },
    Known {
        name: "A NumPy file, to test on",
        flags: "--data FOLDER/NAME.npy",
        files: "NAME.npy as above, with its labels in labels.npy beside it",
        home: None,
        size: None,
        licence: None,
    },
];

/// The list for people.
pub(super) fn text() -> String {
    let block = |known: &Known| {
        let mut lines =
            vec![known.name.to_owned(), format!("    {}", known.flags), format!("    files: {}", known.files)];
        for (what, text) in [("from", known.home), ("size", known.size), ("licence", known.licence)] {
            lines.extend(text.map(|text| format!("    {what}: {text}")));
        }
        if known.home.is_some() && known.licence.is_none() {
            lines.push("    licence: none is stated here; see where it is from".into());
        }
        lines.join("\n")
    };
    let blocks = KNOWN.iter().map(block).collect::<Vec<_>>().join("\n\n");
    format!("{blocks}\n\nNothing is downloaded. `sdnet data FOLDER` checks a folder as training would read it.")
}
