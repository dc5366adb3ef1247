//! The checksums and compression around rows.
//!
//! Small rows end in a checksum:
//!
//! ```text
//! row    bytes, u32 CRC-32C of them
//! ```
//!
//! Blocks and commit rows stand in an envelope:
//!
//! ```text
//! 0   u8   version
//! 1   u8   codec: 0 raw, 1 one zstd frame (persisted, keep stable)
//! 2   u32  length of the body, uncompressed
//! 6   u32  CRC-32C of bytes 0 to 6 and of the body as stored
//! 10  body
//! ```

use alloc::format;
use alloc::vec::Vec;

use super::VERSION;
use crate::codec::{Crc32c, Reader, length32, zstd};
use crate::error::{Error, Result};
use crate::kv::Value;
use crate::shared::SharedBytes;

const RAW: u8 = 0;
const ZSTD: u8 = 1;
pub(super) const ENVELOPE_BYTES: usize = 10;
/// No body expands to more than this, whatever a damaged header says.
const MAX_BODY_BYTES: usize = 1 << 30;

/// How bodies are stored.
#[derive(Debug)]
pub(crate) enum Packing<'c> {
    /// As they are.
    Raw,
    /// Compressed where that saves at least an eighth.
    Zstd(&'c mut zstd::Compressor),
}

/// Appends the checksum to a small row.
pub(super) fn seal(mut row: Vec<u8>) -> Vec<u8> {
    let sum = Crc32c::of(&row);
    row.extend_from_slice(&sum.to_le_bytes());
    row
}

/// Checks and takes off the checksum of a small row.
pub(super) fn unseal<'r>(row: &'r [u8], what: &str) -> Result<&'r [u8]> {
    let Some((body, sum)) = row.split_last_chunk::<4>() else {
        return Err(Error::corrupt(format!("{what}: too short")));
    };
    if Crc32c::of(body) != u32::from_le_bytes(*sum) {
        return Err(Error::corrupt(format!("{what}: the checksum does not match")));
    }
    Ok(body)
}

/// An envelope under construction: the body is appended to `bytes()`, then `finish` seals it.
#[derive(Debug)]
pub(super) struct Envelope {
    bytes: Vec<u8>,
}

impl Envelope {
    pub(super) fn with_capacity(body: usize) -> Self {
        let mut bytes = Vec::with_capacity(ENVELOPE_BYTES + body);
        bytes.resize(ENVELOPE_BYTES, 0);
        Self { bytes }
    }

    pub(super) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    pub(super) fn finish(mut self, packing: &mut Packing<'_>) -> Result<Vec<u8>> {
        let (_, body) = self
            .bytes
            .split_at_checked(ENVELOPE_BYTES)
            .ok_or_else(|| Error::corrupt("envelope: too short"))?;
        let raw_length = body.len();
        if raw_length > MAX_BODY_BYTES {
            return Err(Error::limit("block bytes", MAX_BODY_BYTES as u64, raw_length as u64));
        }
        let packed = match packing {
            Packing::Raw => None,
            Packing::Zstd(compressor) => compressor.compress(body),
        };
        let codec = match packed {
            None => RAW,
            Some(packed) => {
                self.bytes.truncate(ENVELOPE_BYTES);
                self.bytes.extend_from_slice(&packed);
                ZSTD
            }
        };
        let length = length32(raw_length).to_le_bytes();
        let head = [VERSION, codec, length[0], length[1], length[2], length[3]];
        let mut sum = Crc32c::new();
        sum.update(&head);
        if let Some((header, body)) = self.bytes.split_first_chunk_mut::<ENVELOPE_BYTES>() {
            sum.update(body);
            let sum = sum.finish().to_le_bytes();
            *header = [head[0], head[1], head[2], head[3], head[4], head[5], sum[0], sum[1], sum[2], sum[3]];
        }
        Ok(self.bytes)
    }
}

/// Whether a stored block or commit row is uncompressed.
pub(crate) fn is_raw(row: &[u8]) -> bool {
    row.get(1) == Some(&RAW)
}

/// How long a stored block or commit row is without compression, where it is compressed and undamaged. Rows of other kinds
/// do not match what would be their checksum.
pub(crate) fn expanded_bytes(row: &[u8]) -> Option<usize> {
    if row.get(1) != Some(&ZSTD) {
        return None;
    }
    check(row, "").ok().map(|header| header.raw_length.saturating_add(ENVELOPE_BYTES))
}

/// A stored block or commit row as it is without compression; one that cannot be read as it is.
#[cfg(feature = "compression")]
pub fn expand_row(row: Vec<u8>) -> Vec<u8> {
    let expanded = open(row.clone().into(), "row").and_then(|body| {
        let mut envelope = Envelope::with_capacity(body.len());
        envelope.bytes().extend_from_slice(body.bytes());
        envelope.finish(&mut Packing::Raw)
    });
    expanded.unwrap_or(row)
}

/// What an envelope says of its body.
struct Header<'r> {
    codec: u8,
    raw_length: usize,
    stored: &'r [u8],
}

/// The header of an envelope whose checksum matches.
fn check<'r>(row: &'r [u8], what: &str) -> Result<Header<'r>> {
    let Some((header, stored)) = row.split_first_chunk::<ENVELOPE_BYTES>() else {
        return Err(Error::corrupt(format!("{what}: too short")));
    };
    let mut reader = Reader::new(header);
    reader.version(VERSION, what)?;
    let codec = reader.u8("codec")?;
    let raw_length = reader.u32("length")? as usize;
    let stored_sum = reader.u32("checksum")?;
    let mut sum = Crc32c::new();
    if let Some(head) = header.first_chunk::<6>() {
        sum.update(head);
    }
    sum.update(stored);
    if sum.finish() != stored_sum {
        return Err(Error::corrupt(format!("{what}: the checksum does not match")));
    }
    Ok(Header { codec, raw_length, stored })
}

/// Checks an envelope and gives its body.
pub(super) fn open(row: Value, what: &str) -> Result<SharedBytes> {
    let Header { codec, raw_length, stored } = check(&row, what)?;
    match codec {
        RAW if stored.len() == raw_length => {
            let row = SharedBytes::from(row);
            Ok(row.part(ENVELOPE_BYTES..row.len()))
        }
        RAW => Err(Error::corrupt(format!("{what}: the length does not match"))),
        ZSTD => Ok(zstd::decompress(stored, raw_length, MAX_BODY_BYTES)?.into()),
        other => Err(Error::corrupt(format!("{what}: unknown codec {other}"))),
    }
}

#[cfg(all(test, feature = "compression"))]
mod tests {
    use alloc::vec;

    use super::*;

    fn sealed(body: &[u8], packing: &mut Packing<'_>) -> Vec<u8> {
        let mut envelope = Envelope::with_capacity(body.len());
        envelope.bytes().extend_from_slice(body);
        envelope.finish(packing).unwrap()
    }

    #[test]
    fn a_compressed_row_expands_to_the_raw_one() {
        let body = vec![7; 5000];
        let raw = sealed(&body, &mut Packing::Raw);
        let compressed = sealed(&body, &mut Packing::Zstd(&mut zstd::Compressor::default()));
        assert!(compressed.len() < 100);
        assert_eq!(expand_row(compressed), raw);
        assert_eq!(expand_row(raw.clone()), raw);
    }

    #[test]
    fn what_cannot_be_read_stays_as_it_is() {
        let compressed = sealed(&[7; 5000], &mut Packing::Zstd(&mut zstd::Compressor::default()));
        for at in 0..compressed.len() {
            let mut damaged = compressed.clone();
            damaged[at] ^= 1;
            assert_eq!(expand_row(damaged.clone()), damaged);
            let short = compressed[..at].to_vec();
            assert_eq!(expand_row(short.clone()), short);
        }
    }
}
