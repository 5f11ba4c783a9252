//! Event files, as TensorBoard reads them.
//!
//! A file is a row of TFRecords, each of which holds a message in the encoding of protocol buffers. A record is
//!
//! | bytes | hold |
//! |---|---|
//! | 8 | the length of the message, little-endian |
//! | 4 | the masked CRC-32C of these eight bytes, little-endian |
//! | length | the message |
//! | 4 | the masked CRC-32C of the message |
//!
//! with `masked(c) = rotate_right(c, 15) + 0xa282ead8 (mod 2^32)`. The messages are those of TensorFlow's `event.proto` and
//! `summary.proto`, as far as they are written here; fields keep their numbers.

use prost::Message;

/// What every file begins with.
const VERSION: &str = "brain.Event:2";

/// The status of a [`Session`] that starts.
const START: i32 = 1;

/// One record.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    pub wall_time: f64,
    /// Training steps done.
    #[prost(int64, tag = "2")]
    pub step: i64,
    #[prost(string, optional, tag = "3")]
    pub file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    pub summary: Option<Summary>,
    #[prost(message, optional, tag = "7")]
    pub session: Option<Session>,
}

/// What was measured.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Summary {
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<Value>,
}

/// One value by name: a number or an image.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Value {
    #[prost(string, tag = "1")]
    pub tag: String,
    #[prost(float, optional, tag = "2")]
    pub number: Option<f32>,
    #[prost(message, optional, tag = "4")]
    pub image: Option<Image>,
}

/// A PNG file.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Image {
    #[prost(int32, tag = "1")]
    pub height: i32,
    #[prost(int32, tag = "2")]
    pub width: i32,
    /// Channels: 3 for RGB.
    #[prost(int32, tag = "3")]
    pub channels: i32,
    #[prost(bytes = "vec", tag = "4")]
    pub png: Vec<u8>,
}

/// A program that begins to write: what others have written for its step and later ones does not count any more.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Session {
    #[prost(int32, tag = "1")]
    pub status: i32,
}

impl Event {
    /// The first record of a file.
    pub(crate) fn version(wall_time: f64) -> Self {
        Self { wall_time, file_version: Some(VERSION.into()), ..Self::default() }
    }

    /// The record of a program that writes from this step on.
    pub(crate) fn start(wall_time: f64, step: i64) -> Self {
        Self { wall_time, step, session: Some(Session { status: START }), ..Self::default() }
    }

    /// The message in its frame.
    pub(crate) fn framed(&self) -> Vec<u8> {
        let message = self.encode_to_vec();
        let length = (message.len() as u64).to_le_bytes();
        [&length[..], &masked_crc(&length), &message, &masked_crc(&message)].concat()
    }
}

/// The whole records at the beginning of a file, and how many bytes they take. What follows is cut short or damaged.
pub(crate) fn whole_events(bytes: &[u8]) -> (Vec<Event>, usize) {
    let (mut events, mut at) = (Vec::new(), 0);
    while let Some((event, length)) = first_event(&bytes[at..]) {
        events.push(event);
        at += length;
    }
    (events, at)
}

/// The record at the beginning, and its length; none where it is not whole.
fn first_event(bytes: &[u8]) -> Option<(Event, usize)> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let size = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    if *crc != masked_crc(length) || rest.len() < 4 || rest.len() - 4 < size {
        return None;
    }
    let (message, rest) = rest.split_at(size);
    if rest[..4] != masked_crc(message) {
        return None;
    }
    Some((Event::decode(message).ok()?, size + 16))
}

fn masked_crc(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(step: i64, number: f32) -> Event {
        let value = Value { tag: "loss".into(), number: Some(number), image: None };
        Event { step, summary: Some(Summary { values: vec![value] }), ..Event::default() }
    }

    #[test]
    fn checksums_are_those_of_the_standard() {
        // RFC 3720, B.4, and the check value of CRC-32C.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
        // The record of an empty message: every file of TFRecords that holds one has these bytes.
        let framed = Event::default().framed();
        assert_eq!(framed, [0, 0, 0, 0, 0, 0, 0, 0, 0x29, 0x03, 0x98, 0x07, 0xd8, 0xea, 0x82, 0xa2]);
    }

    #[test]
    fn a_message_is_encoded_by_field_number() {
        let framed = scalar(300, 0.0).framed();
        // step: field 2, varint; summary: field 5; value: field 1 of it, with a tag (1) and a number (2), zero or not.
        let message = b"\x10\xac\x02\x2a\x0d\x0a\x0b\x0a\x04loss\x15\0\0\0\0";
        assert_eq!(framed[12..framed.len() - 4], message[..]);
        assert_eq!(framed[..8], (message.len() as u64).to_le_bytes());
    }

    #[test]
    fn what_is_cut_short_or_damaged_ends_the_records() {
        let events = [Event::version(1.5), Event::start(2.0, 7), scalar(7, 0.25), scalar(9, f32::NAN)];
        let frames = events.iter().map(Event::framed).collect::<Vec<_>>();
        let bytes = frames.concat();
        let (read, length) = whole_events(&bytes);
        assert_eq!((&read[..3], length, read.len()), (&events[..3], bytes.len(), 4));
        let three = bytes.len() - frames[3].len();
        for end in three..bytes.len() {
            assert_eq!((whole_events(&bytes[..end]).0.len(), whole_events(&bytes[..end]).1), (3, three), "{end}");
        }
        for at in three..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 4;
            assert_eq!(whole_events(&damaged).1, three, "{at}");
        }
    }
}
