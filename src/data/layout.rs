//! Which layout a folder has, without reading its images.

use std::path::PathBuf;

use super::{DataSource, Split, arrays, cifar, corrupted, folder, idx, policy};

/// How images lie in files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A data set that goes by its name.
    Named,
    /// IDX files.
    Idx,
    /// `x_train.npy` and so on.
    Arrays,
    /// One file of NumPy's, to test on.
    ArrayFile,
    /// [`Corrupted`](super::Corrupted) images, to test on.
    Corrupted,
    /// CIFAR-10 or CIFAR-100, which goes by the name given here, with the folder as root.
    Cifar {
        /// `cifar10` or `cifar100`.
        name: &'static str,
        /// `binary version` or `python version`.
        version: &'static str,
    },
    /// Folders of a split, with a folder of images for each class; these are the ones that are read.
    Splits(Vec<PathBuf>),
    /// A folder of images for each class, of which some must be held out for testing.
    Classes,
}

impl DataSource {
    /// The layout, in the order in which [`load`](super::load) looks for them; none where there is nothing that it reads.
    pub fn layout(&self) -> Option<Layout> {
        const BOTH: [Split; 2] = [Split::Train, Split::Test];
        let Some(path) = self.path() else { return Some(Layout::Named) };
        let either = |is: fn(&std::path::Path, Split) -> bool| BOTH.iter().any(|split| is(&path, *split));
        if either(idx::is_there) {
            return Some(Layout::Idx);
        }
        if either(arrays::is_there) {
            return Some(Layout::Arrays);
        }
        if path.is_file() {
            return Some(Layout::ArrayFile);
        }
        if corrupted::is_there(&path) {
            return Some(Layout::Corrupted);
        }
        let splits = BOTH.iter().filter_map(|split| folder::split_folders(&path, *split).into_iter().next());
        let splits = splits.collect::<Vec<_>>();
        if !splits.is_empty() {
            return Some(Layout::Splits(splits));
        }
        let version = |kind| BOTH.iter().find_map(|split| cifar::locate(kind, &path, *split));
        let found = cifar::Kind::ALL.into_iter().find_map(|kind| Some((kind, version(kind)?.0)));
        if let Some((kind, version)) = found {
            return Some(Layout::Cifar { name: kind.name(), version: version.name() });
        }
        let has_images = |path: &PathBuf| policy::list(path).is_ok_and(|listing| !listing.images.is_empty());
        policy::list(&path).ok()?.folders.iter().any(has_images).then_some(Layout::Classes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_told_by_what_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let layout = |place: &str| {
            DataSource { name: dir.path().join(place).display().to_string(), ..DataSource::default() }.layout()
        };
        let put = |place: &str| {
            let path = dir.path().join(place);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        };
        for file in [
            "idx/t10k-images-idx3-ubyte.gz",
            "arrays/x_test.npy",
            "alone/fog.npy",
            "c/fog.npy",
            "c/labels.npy",
            "ten/test_batch.bin",
            "py/cifar-100-python/train",
            "splits/val/cat/1.png",
            "classes/cat/1.png",
            "nothing/notes.txt",
        ] {
            put(file);
        }
        assert_eq!(layout("idx"), Some(Layout::Idx));
        assert_eq!(layout("arrays"), Some(Layout::Arrays));
        assert_eq!(layout("alone/fog.npy"), Some(Layout::ArrayFile));
        assert_eq!(layout("c"), Some(Layout::Corrupted));
        assert_eq!(layout("ten"), Some(Layout::Cifar { name: "cifar10", version: "binary version" }));
        assert_eq!(layout("py"), Some(Layout::Cifar { name: "cifar100", version: "python version" }));
        assert_eq!(layout("splits"), Some(Layout::Splits(vec![dir.path().join("splits/val")])));
        assert_eq!(layout("classes"), Some(Layout::Classes));
        assert_eq!((layout("nothing"), layout("alone"), layout("not there")), (None, None, None));
    }
}
