//! A number by which data are recognised.

use super::Dataset;

impl Dataset {
    /// 64 bits, as 16 hexadecimal digits, that depend on every pixel, every label, their order and the size of the images
    /// (words of eight bytes, mixed in the manner of FNV-1a): equal for equal data, wherever they lie. It recognises data; it is no protection
    /// against forgery.
    pub fn fingerprint(&self) -> String {
        let sizes = [self.len(), self.height, self.width, self.channels].map(|size| size as u64);
        let labels = self.labels.iter().map(|&label| u64::from(label));
        let pixels = self.images.chunks(8).map(|bytes| {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            u64::from_le_bytes(word)
        });
        let mix = |hash: u64, word: u64| (hash ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(29);
        let hash = sizes.into_iter().chain(labels).chain(pixels).fold(0xcbf2_9ce4_8422_2325, mix);
        format!("{hash:016x}")
    }
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
