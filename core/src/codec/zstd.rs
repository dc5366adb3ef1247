//! Zstandard, one frame at a time.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use ruzstd::encoding::{CompressionLevel, FrameCompressor};
use ruzstd::io;

use crate::error::{Error, Result};

/// Inputs up to this many bytes are never worth compressing.
pub(crate) const MIN_COMPRESSED_BYTES: usize = 512;

/// Windows up to this size are read whatever the frame expands to: what every Zstandard decoder should support.
const MAX_WINDOW: u64 = 8 << 20;

/// How much is decoded between two looks at how much came out.
const STEP: usize = 1 << 20;

/// Input buffers above this are not kept from one call to the next.
const KEPT_INPUT: usize = 1 << 20;

/// How hard to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Level {
    /// About as small as Zstandard's level 1.
    // The only level that the encoder has: its others panic.
    #[default]
    Fastest,
}

impl Level {
    const fn encoder(self) -> CompressionLevel {
        match self {
            Self::Fastest => CompressionLevel::Fastest,
        }
    }
}

/// An encoder that is made at its first use and kept: it is large (some 450 KiB), and slow to set up.
#[derive(Default)]
pub struct Compressor {
    level: Level,
    encoder: Option<Box<FrameCompressor<Input, Vec<u8>, ruzstd::encoding::MatchGeneratorDriver>>>,
}

impl Compressor {
    /// A compressor of this level.
    pub const fn new(level: Level) -> Self {
        Self { level, encoder: None }
    }

    /// One Zstandard frame that holds `raw`, if that is worth it: above 512 bytes, and at least an eighth
    /// smaller.
    pub fn compress(&mut self, raw: &[u8]) -> Option<Vec<u8>> {
        if raw.len() <= MIN_COMPRESSED_BYTES {
            return None;
        }
        let frame = self.frame(raw);
        (frame.len() <= raw.len() - raw.len().div_ceil(8)).then_some(frame)
    }

    /// One Zstandard frame that holds `raw`, even if it is larger.
    pub fn frame(&mut self, raw: &[u8]) -> Vec<u8> {
        let level = self.level.encoder();
        let encoder = self.encoder.get_or_insert_with(|| Box::new(FrameCompressor::new(level)));
        let mut input = encoder.take_source().unwrap_or_default();
        input.fill(raw);
        encoder.set_source(input);
        encoder.set_drain(Vec::new());
        encoder.compress();
        let mut input = encoder.take_source().unwrap_or_default();
        input.forget();
        encoder.set_source(input);
        encoder.take_drain().unwrap_or_default()
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor").field("level", &self.level).finish_non_exhaustive()
    }
}

/// What the encoder reads: a copy, as its type holds no borrow that ends with the call.
#[derive(Default)]
struct Input {
    bytes: Vec<u8>,
    read: usize,
}

impl Input {
    fn fill(&mut self, bytes: &[u8]) {
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        self.read = 0;
    }

    fn forget(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_INPUT);
        self.read = 0;
    }
}

impl io::Read for Input {
    fn read(&mut self, target: &mut [u8]) -> core::result::Result<usize, io::Error> {
        let rest = self.bytes.get(self.read..).unwrap_or_default();
        let count = rest.len().min(target.len());
        if let (Some(target), Some(source)) = (target.get_mut(..count), rest.get(..count)) {
            target.copy_from_slice(source);
        }
        self.read = self.read.saturating_add(count);
        Ok(count)
    }
}

/// What one Zstandard frame holds: exactly `raw_len` bytes, which may not be more than `cap`.
///
/// Memory is taken as bytes come out, never on the word of a header.
///
/// # Errors
///
/// `CORRUPT` where `frame` is not exactly one sound frame of that length, or `raw_len` is above `cap`.
pub(crate) fn decompress(frame: &[u8], raw_len: usize, cap: usize) -> Result<Vec<u8>> {
    if raw_len > cap {
        return Err(Error::corrupt(alloc::format!("zstd: {raw_len} bytes are above the cap of {cap}")));
    }
    let raw = decompress_frame(frame, raw_len)?;
    if raw.len() == raw_len {
        Ok(raw)
    } else {
        Err(Error::corrupt(alloc::format!("zstd: {raw_len} bytes expected, {} found", raw.len())))
    }
}

/// What one Zstandard frame holds, whatever its length up to `cap` bytes.
///
/// Memory is taken as bytes come out, never on the word of a header.
///
/// # Errors
///
/// `CORRUPT` where `frame` is not exactly one sound frame, or expands to more than `cap` bytes.
pub(crate) fn decompress_frame(frame: &[u8], cap: usize) -> Result<Vec<u8>> {
    let mut source = frame;
    // A fresh decoder: it grows as it decodes, where a reused one reserves the window that the header asks for.
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(MAX_WINDOW.max(u64::try_from(cap).unwrap_or(u64::MAX)));
    decoder.init(&mut source).map_err(|_| broken())?;
    let mut raw = Vec::new();
    let mut decoded = 0_usize;
    loop {
        let step = STEP.min(cap.saturating_sub(decoded).saturating_add(1));
        decoder.decode_blocks(&mut source, BlockDecodingStrategy::UptoBytes(step)).map_err(|_| broken())?;
        if decoder.is_finished() {
            break;
        }
        // An unfinished call decoded at least what it was asked for.
        decoded = decoded.saturating_add(step);
        if decoded > cap {
            return Err(too_large(cap));
        }
        decoder.collect_to_writer(&mut raw).map_err(|_| broken())?;
    }
    if !source.is_empty() {
        return Err(Error::corrupt(alloc::format!("zstd: {} bytes after the frame", source.len())));
    }
    let last = decoder.can_collect();
    if last > cap.saturating_sub(raw.len()) {
        return Err(too_large(cap));
    }
    raw.reserve_exact(last);
    decoder.collect_to_writer(&mut raw).map_err(|_| broken())?;
    Ok(raw)
}

/// What the decoder says is left out: its texts and what formats them are 22 KB of the engine, and the checksum around a row finds damage
/// before the decoder does.
#[cold]
fn broken() -> Error {
    Error::corrupt("zstd: the frame is damaged")
}

#[cold]
fn too_large(cap: usize) -> Error {
    Error::corrupt(alloc::format!("zstd: expands to more than {cap} bytes"))
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorCode;

    /// Bytes of every kind that matters: random, repeated, text-like, and long.
    fn data() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..4000),
            proptest::collection::vec(0_u8..3, 0..4000),
            (any::<u8>(), 0_usize..300_000).prop_map(|(byte, count)| vec![byte; count]),
            (proptest::collection::vec(any::<u8>(), 1..300), 1_usize..2000)
                .prop_map(|(bytes, times)| bytes.repeat(times)),
            (
                proptest::collection::vec("[a-z]{1,9}", 1..40),
                proptest::collection::vec(any::<prop::sample::Index>(), 0..3000)
            )
                .prop_map(|(words, picks)| {
                    let text = picks.iter().map(|pick| words[pick.index(words.len())].as_bytes());
                    text.collect::<Vec<_>>().join(&b' ')
                }),
        ]
    }

    fn code(result: Result<Vec<u8>>) -> Option<ErrorCode> {
        result.err().map(|error| error.code())
    }

    #[test]
    fn only_what_pays_is_compressed() {
        let mut compressor = Compressor::default();
        assert_eq!(compressor.compress(&[0; MIN_COMPRESSED_BYTES]), None);
        let frame = compressor.compress(&[0; MIN_COMPRESSED_BYTES + 1]).unwrap();
        assert!(frame.len() < 40);
        let mut state = 1_u32;
        let noise: Vec<u8> = core::iter::repeat_with(|| {
            state = state.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
            state.to_be_bytes()[0]
        })
        .take(5000)
        .collect();
        assert_eq!(compressor.compress(&noise), None);
        assert_eq!(decompress(&compressor.frame(&noise), 5000, 5000).unwrap(), noise);
    }

    #[test]
    fn a_frame_must_be_exactly_what_is_expected() {
        let frame = Compressor::default().frame(&[7; 1000]);
        assert_eq!(decompress(&frame, 1000, 1000).unwrap(), [7; 1000]);
        assert_eq!(code(decompress(&frame, 1000, 999)), Some(ErrorCode::Corrupt));
        assert_eq!(code(decompress(&frame, 999, 2000)), Some(ErrorCode::Corrupt));
        assert_eq!(code(decompress(&frame, 1001, 2000)), Some(ErrorCode::Corrupt));
        assert_eq!(code(decompress(&[&frame[..], &[0]].concat(), 1000, 2000)), Some(ErrorCode::Corrupt));
        assert_eq!(code(decompress(&frame.repeat(2), 2000, 2000)), Some(ErrorCode::Corrupt));
        assert_eq!(code(decompress(&frame[..frame.len() - 1], 1000, 2000)), Some(ErrorCode::Corrupt));
        assert_eq!(code(decompress(&[], 0, 2000)), Some(ErrorCode::Corrupt));
        // A skippable frame holds nothing, and is no frame of ours.
        assert_eq!(
            code(decompress(&[0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0], 0, 2000)),
            Some(ErrorCode::Corrupt)
        );
        let empty = Compressor::default().frame(&[]);
        assert_eq!(decompress(&empty, 0, 0).unwrap(), []);
    }

    /// A frame of `blocks` blocks of one repeated byte: 4 bytes each, 128 KiB each when expanded.
    fn bomb(window: u8, blocks: usize) -> Vec<u8> {
        let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, window];
        for block in 1..=blocks {
            let header = (128_u32 << 10 << 3) | (1 << 1) | u32::from(block == blocks);
            frame.extend_from_slice(&header.to_le_bytes()[..3]);
            frame.push(9);
        }
        frame
    }

    #[test]
    fn a_bomb_is_stopped_near_the_cap() {
        // Windows of 128 KiB, 8 MiB and 64 MiB.
        let frames = [bomb(7 << 3, 4000), bomb(13 << 3, 4000), bomb(16 << 3, 4000)];
        for frame in &frames {
            for cap in [0, 1, 1000, 200_000, 3_000_000] {
                let mut result = None;
                let memory = allocation_counter::measure(|| result = Some(decompress_frame(frame, cap)));
                assert_eq!(code(result.unwrap()), Some(ErrorCode::Corrupt));
                let bound = u64::try_from(3 * cap + (2 << 20)).unwrap();
                assert!(memory.bytes_max < bound, "{} bytes for a cap of {cap}", memory.bytes_max);
            }
        }
        assert_eq!(decompress(&bomb(7 << 3, 100), 100 << 17, 100 << 17).unwrap().len(), 100 << 17);
        // The window alone is refused, before anything is decoded.
        assert_eq!(code(decompress_frame(&bomb(16 << 3, 1), 1 << 20)), Some(ErrorCode::Corrupt));
    }

    #[test]
    fn a_length_alone_takes_no_memory() {
        let frame = Compressor::default().frame(&[7; 1000]);
        let memory = allocation_counter::measure(|| {
            assert_eq!(code(decompress(&frame, 1 << 30, 1 << 30)), Some(ErrorCode::Corrupt));
            // A header that says 1 GiB in a single segment, with nothing behind it.
            let liar = [0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0x40, 0, 0];
            assert_eq!(code(decompress(&liar, 1 << 30, 1 << 30)), Some(ErrorCode::Corrupt));
        });
        assert!(memory.bytes_max < 1 << 18, "{} bytes", memory.bytes_max);
    }

    #[test]
    fn large_inputs_come_back() {
        let mut compressor = Compressor::default();
        for length in [1 << 17, (1 << 17) + 1, 3 << 20, (8 << 20) + 5] {
            let raw: Vec<u8> =
                (0..length).map(|at: usize| (at % 251 * (at / 70_000 + 1)).to_le_bytes()[0]).collect();
            let frame = compressor.compress(&raw).unwrap();
            assert!(decompress(&frame, length, length).unwrap() == raw);
            assert!(::zstd::bulk::decompress(&frame, length).unwrap() == raw);
            for level in [1, 3, 19] {
                let frame = ::zstd::bulk::compress(&raw, level).unwrap();
                assert!(decompress(&frame, length, length).unwrap() == raw);
                let frame = ::zstd::stream::encode_all(&*raw, level).unwrap();
                assert!(decompress(&frame, length, length).unwrap() == raw);
            }
        }
    }

    proptest! {
        #[test]
        fn the_c_library_reads_what_is_written(inputs in proptest::collection::vec(data(), 1..4)) {
            // One encoder for all: nothing of one input may show in the next.
            let mut compressor = Compressor::default();
            for raw in inputs {
                let frame = compressor.frame(&raw);
                prop_assert!(::zstd::bulk::decompress(&frame, raw.len()).unwrap() == raw);
                prop_assert!(decompress(&frame, raw.len(), raw.len()).unwrap() == raw);
                if let Some(frame) = compressor.compress(&raw) {
                    prop_assert!(frame.len() * 8 <= raw.len() * 7);
                    prop_assert!(decompress(&frame, raw.len(), raw.len()).unwrap() == raw);
                }
            }
        }

        #[test]
        fn what_the_c_library_writes_is_read(raw in data(), level in 1..=19, checksum: bool) {
            let frame = ::zstd::bulk::compress(&raw, level).unwrap();
            prop_assert!(decompress(&frame, raw.len(), raw.len()).unwrap() == raw);
            let mut encoder = ::zstd::stream::Encoder::new(Vec::new(), level).unwrap();
            encoder.include_checksum(checksum).unwrap();
            std::io::Write::write_all(&mut encoder, &raw).unwrap();
            prop_assert!(decompress(&encoder.finish().unwrap(), raw.len(), raw.len()).unwrap() == raw);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, magic: bool, cap in 0_usize..100_000) {
            let mut frame = if magic { vec![0x28, 0xb5, 0x2f, 0xfd] } else { Vec::new() };
            frame.extend(bytes);
            if let Ok(raw) = decompress_frame(&frame, cap) {
                prop_assert!(raw.len() <= cap);
            }
        }

        #[test]
        fn damaged_frames_never_panic(
            raw in data(), level in 1..=19, c: bool,
            damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<bool>(), any::<u8>()), 1..6),
        ) {
            let mut frame =
                if c { ::zstd::bulk::compress(&raw, level).unwrap() } else { Compressor::default().frame(&raw) };
            // Half of it where the headers and tables are.
            for (at, early, byte) in damage {
                let at = at.index(if early { frame.len().min(64) } else { frame.len() });
                frame[at] = byte;
            }
            let mut result = None;
            let memory = allocation_counter::measure(|| result = Some(decompress(&frame, raw.len(), raw.len())));
            let bound = u64::try_from(3 * raw.len() + (3 << 20)).unwrap();
            prop_assert!(memory.bytes_max < bound, "{} bytes for {}", memory.bytes_max, raw.len());
            if let Some(Ok(found)) = result {
                prop_assert_eq!(found.len(), raw.len());
            }
        }
    }
}
