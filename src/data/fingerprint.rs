//! A number by which data are recognised.

use super::Dataset;

/// How the fingerprints of streamed images begin.
#[cfg(feature = "files")]
const OF_FILES: &str = "files-";

impl Dataset {
    /// 64 bits, as 16 hexadecimal digits, that depend on every pixel, every label, their order and the size of the images
    /// (words of eight bytes, mixed in the manner of FNV-1a): equal for equal data, wherever they lie. It recognises data; it is no protection
    /// against forgery.
    ///
    /// Of streamed images, `files-` and 16 digits: instead of every pixel, the name of every file, that of its folder, and its
    /// length in bytes count, so that no file need be read. It does not notice a file that was replaced by another of its length.
    pub fn fingerprint(&self) -> String {
        let sizes = [self.len(), self.height, self.width, self.channels].map(|size| size as u64);
        let labels = self.labels.iter().map(|&label| u64::from(label));
        let start = sizes.into_iter().chain(labels).fold(0xcbf2_9ce4_8422_2325, mix);
        #[cfg(feature = "files")]
        if let Some(streamed) = &self.streamed {
            let hash = streamed.files.iter().fold(start, |hash, file| {
                let names = file.path.iter().rev().take(2);
                let hash = names.fold(hash, |hash, name| mixed(mix(hash, name.len() as u64), name.as_encoded_bytes()));
                mix(hash, file.bytes)
            });
            return format!("{OF_FILES}{hash:016x}");
        }
        format!("{:016x}", mixed(start, &self.images))
    }

    /// Whether a fingerprint is of pixels where these images are streamed, or the other way round, so that the two cannot be
    /// compared.
    #[cfg(feature = "train")]
    pub(crate) fn is_fingerprint_of_other_kind(&self, fingerprint: &str) -> bool {
        self.streamed.is_some() != fingerprint.starts_with(OF_FILES)
    }
}

fn mix(hash: u64, word: u64) -> u64 {
    (hash ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(29)
}

fn mixed(hash: u64, bytes: &[u8]) -> u64 {
    let words = bytes.chunks(8).map(|bytes| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(word)
    });
    words.fold(hash, mix)
}

#[cfg(test)]
mod tests {
    use super::super::tests::counting;

    #[test]
    fn every_pixel_label_and_size_matters() {
        let data = counting(5, 3, 3, 1);
        let print = data.fingerprint();
        assert_eq!(print, data.clone().fingerprint());
        assert_eq!(print.len(), 16);
        for at in 0..data.images.len() {
            let mut other = data.clone();
            other.images[at] ^= 1;
            assert_ne!(print, other.fingerprint(), "pixel {at}");
        }
        let mut other = data.clone();
        other.labels[4] = 0;
        assert_ne!(print, other.fingerprint());
        assert_ne!(counting(2, 3, 4, 1).fingerprint(), counting(2, 4, 3, 1).fingerprint());
        assert_ne!(print, data.subset(4).fingerprint());
    }
}
