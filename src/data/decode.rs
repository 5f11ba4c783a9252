//! Files of images, decoded or refused.

use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;

use image::error::ImageError;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::Picture;
use super::policy::{CONVERT, FORMATS, unreachable};
use crate::error::{Error, Result};

/// The largest decoded image, in bytes: 178 million pixels of 3 bytes.
const LARGEST: u64 = 1 << 29;

/// Decoded bytes that one byte of a file may stand for, beyond [`SMALL`], which is 16 megapixels: what the formats reach for
/// large pictures of one colour. So a damaged or hostile header cannot ask for much memory.
const MOST_A_BYTE: u64 = 2800;
const SMALL: u64 = 1 << 26;

/// What transparent pixels show where nothing else is said, as in most programs.
pub(super) const WHITE: [u8; 3] = [255; 3];

/// What the beginning of a file says of its image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub height: usize,
    pub width: usize,
    pub colour: bool,
    /// Whether its pixels may be transparent.
    pub alpha: bool,
    /// Bytes of the file.
    pub bytes: u64,
}

/// An image, and whether any of its pixels were transparent.
#[derive(Debug)]
pub(super) struct Decoded {
    pub picture: Picture,
    pub transparent: bool,
}

/// Bytes at the beginning of a file in which most JPEG and PNG files say what they are, so that a million of them need not be
/// read whole for that.
const BEGINNING: u64 = 1 << 12;

/// Reads the header of an image that is to be shown on `background`. Whether the image is whole shows when it is decoded.
pub(super) fn header(path: &Path, background: [u8; 3]) -> Result<Header> {
    let length = length(path)?;
    let mut beginning = Vec::new();
    let file = fs::File::open(path).map_err(|e| Error::io(path, e))?;
    file.take(BEGINNING).read_to_end(&mut beginning).map_err(|e| Error::io(path, e))?;
    if let Ok(ImageFormat::Jpeg | ImageFormat::Png) = image::guess_format(&beginning)
        && let Ok(header) = header_of(path, &beginning, length, background)
    {
        return Ok(header);
    }
    header_of(path, &read(path)?, length, background)
}

fn header_of(path: &Path, bytes: &[u8], length: u64, background: [u8; 3]) -> Result<Header> {
    let mut decoder = decoder(path, bytes, length)?;
    let turned = is_turned(decoder.orientation().map_err(|e| damaged(path, &e))?);
    let (width, height) = decoder.dimensions();
    let (height, width) = if turned { (width, height) } else { (height, width) };
    let color = decoder.color_type();
    let colour = is_colour(color, background);
    let (height, width) = (height as usize, width as usize);
    Ok(Header { height, width, colour, alpha: color.has_alpha(), bytes: length })
}

/// Decodes an image. It is turned as its EXIF orientation says; of several frames or pages it is the first; 16 bits become
/// 8; CMYK and palettes become RGB; transparent pixels show `background`, in sRGB values. It has one channel if it is grey
/// in the file (and `background` too, where the file has an alpha channel), else three.
///
/// # Errors
/// [`Error::Io`], [`Error::File`] for an image that is empty, cut short, damaged, too large, or of another format.
pub(super) fn decode(path: &Path, background: [u8; 3]) -> Result<Decoded> {
    let bytes = read(path)?;
    // The decoders of the other formats tell that themselves.
    if image::guess_format(&bytes).is_ok_and(|format| format == ImageFormat::Jpeg) && !jpeg_ends(&bytes) {
        return Err(Error::file(path, "is cut short: its end is missing; copy it again or remove it"));
    }
    let mut decoder = decoder(path, &bytes, bytes.len() as u64)?;
    let orientation = decoder.orientation().map_err(|e| damaged(path, &e))?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(|e| damaged(path, &e))?;
    image.apply_orientation(orientation);
    Ok(flatten(image, background))
}

/// The length of a file, in bytes.
fn length(path: &Path) -> Result<u64> {
    let metadata = fs::metadata(path).map_err(|e| unreachable(path, e))?;
    // Reading a pipe would wait for whoever writes into it.
    if metadata.is_file() { Ok(metadata.len()) } else { Err(Error::file(path, "is not a file")) }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    length(path)?;
    fs::read(path).map_err(|e| Error::io(path, e))
}

/// A decoder of an image whose size fits the `length` of its file, of which `bytes` are the beginning or all.
fn decoder<'a>(path: &Path, bytes: &'a [u8], length: u64) -> Result<impl ImageDecoder + 'a> {
    if bytes.is_empty() {
        return Err(Error::file(path, "is empty; copy it again or remove it"));
    }
    let format = image::guess_format(bytes).ok().filter(|format| FORMATS.contains(format));
    let Some(format) = format else {
        return Err(Error::file(
            path,
            format!("holds no image that can be read (PNG, JPEG, WebP, BMP, GIF, TIFF); {CONVERT}, or remove it"),
        ));
    };
    let most = (SMALL + MOST_A_BYTE * length).min(LARGEST);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(most);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|e| damaged(path, &e))?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(Error::file(path, format!("is {width}x{height} pixels, which is none")));
    }
    if decoder.total_bytes() > most {
        let reason = if most == LARGEST {
            format!(
                "is {width}x{height} pixels, which is more than the {} MiB that one may take; reduce it",
                LARGEST >> 20
            )
        } else {
            format!("claims to be {width}x{height} pixels, far more than its {length} bytes can hold; it is damaged")
        };
        return Err(Error::file(path, reason));
    }
    Ok(decoder)
}

/// Whether a JPEG has its end marker. It is searched from segment to segment: an embedded preview has one too.
fn jpeg_ends(bytes: &[u8]) -> bool {
    const END: u8 = 0xd9;
    let mut rest = bytes;
    loop {
        // The next marker. Within a scan, FF 00 is a byte of the data and FF D0 to D7 only restart it.
        let Some(at) = rest.windows(2).position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff)) else {
            return false;
        };
        let (marker, after) = (rest[at + 1], &rest[at + 2..]);
        let skipped = match (marker, after) {
            (END, _) => return true,
            (0x01 | 0xd0..=0xd8, _) => 0,
            (_, [high, low, ..]) => usize::from(u16::from_be_bytes([*high, *low])),
            _ => return false,
        };
        let Some(next) = after.get(skipped..) else { return false };
        rest = next;
    }
}

fn damaged(path: &Path, error: &ImageError) -> Error {
    let reason = match error {
        ImageError::Unsupported(_) => format!("is of a kind that is not read ({error}); {CONVERT}"),
        ImageError::Limits(_) => format!("is too large ({error})"),
        _ => format!("is cut short or damaged ({error}); copy it again or remove it"),
    };
    Error::file(path, reason)
}

fn is_turned(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

fn is_colour(color: image::ColorType, [r, g, b]: [u8; 3]) -> bool {
    color.has_color() || (color.has_alpha() && (r != g || g != b))
}

fn flatten(image: DynamicImage, background: [u8; 3]) -> Decoded {
    let (height, width) = (image.height() as usize, image.width() as usize);
    let colour = is_colour(image.color(), background);
    let (pixels, transparent) = if image.color().has_alpha() {
        on_background(image, background, if colour { 3 } else { 1 })
    } else if colour {
        (image.into_rgb8().into_raw(), false)
    } else {
        (image.into_luma8().into_raw(), false)
    };
    Decoded { picture: Picture { height, width, channels: if colour { 3 } else { 1 }, pixels }, transparent }
}

/// The first `channels` channels over a background, and whether any of it shows.
fn on_background(image: DynamicImage, background: [u8; 3], channels: usize) -> (Vec<u8>, bool) {
    let rgba = image.into_rgba8();
    let blend = |value: u8, behind: u8, alpha: u8| {
        let [value, behind, alpha] = [value, behind, alpha].map(u32::from);
        ((value * alpha + behind * (255 - alpha) + 127) / 255) as u8
    };
    let transparent = rgba.pixels().any(|pixel| pixel[3] < 255);
    let pixels = rgba.pixels().flat_map(|p| (0..channels).map(|c| blend(p[c], background[c], p[3]))).collect();
    (pixels, transparent)
}
