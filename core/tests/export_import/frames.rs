//! An export taken apart, and put together again with checksums that match.

use streamkit_core::Crc32c;

/// The frames of an export, each as kind and body.
pub(crate) fn frames(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut found = Vec::new();
    let mut rest = &bytes[12..];
    while !rest.is_empty() {
        let length = u32::from_le_bytes(rest[..4].try_into().expect("four")) as usize;
        found.push((rest[4], rest[9..9 + length].to_vec()));
        rest = &rest[9 + length + 4..];
    }
    found
}

/// Frames put together again, with checksums that match.
pub(crate) fn sealed(frames: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut out = b"STRMKIT\x1a\x01\0\0\0".to_vec();
    let mut sum = Crc32c::new();
    for (kind, body) in frames {
        let mut body = body.clone();
        if *kind == 2 {
            sum = Crc32c::new();
        }
        if *kind == 7 {
            let end = body.len() - 4;
            body[end..].copy_from_slice(&sum.finish().to_le_bytes());
        }
        let mut header = (body.len() as u32).to_le_bytes().to_vec();
        header.push(*kind);
        let check = Crc32c::of(&header);
        header.extend(check.to_le_bytes());
        let trailer = Crc32c::of(&body).to_le_bytes();
        sum.update(&header).update(&trailer);
        out.extend(header);
        out.extend(body);
        out.extend(trailer);
    }
    out
}
