//! Gzip (also of several members) and zstd, told by content and capped: a small file must not fill the memory.

use std::io::{Cursor, Read};

/// Inflated bytes any file may have, whatever its size.
const FLOOR: u64 = 256 << 20;
/// How many times its size a larger file may inflate to; audit logs reach about 30.
const RATIO: u64 = 100;

/// Inflates `bytes`; what could be inflated before a fault is returned with the fault.
pub(super) fn inflate(bytes: Vec<u8>) -> (Vec<u8>, Option<String>) {
    let cap = FLOOR.max(RATIO.saturating_mul(bytes.len() as u64));
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return drain(flate2::read::MultiGzDecoder::new(Cursor::new(bytes)), cap, "gzip");
    }
    if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return match zstd::stream::read::Decoder::new(Cursor::new(bytes)) {
            Ok(decoder) => drain(decoder, cap, "zstd"),
            Err(error) => (Vec::new(), Some(format!("is no whole zstd file: {error}"))),
        };
    }
    (bytes, None)
}

fn drain(mut reader: impl Read, cap: u64, kind: &str) -> (Vec<u8>, Option<String>) {
    let mut out = Vec::new();
    let result = reader.by_ref().take(cap).read_to_end(&mut out);
    let problem = match result {
        Err(error) => Some(format!(
            "the {kind} stream is cut or damaged after {} bytes: {error}; fetch the file again",
            out.len()
        )),
        Ok(_) if out.len() as u64 >= cap => {
            let more = reader.read(&mut [0u8; 1]).unwrap_or(0) > 0;
            more.then(|| {
                format!(
                    "inflates to more than {} MiB, which no audit log of its size does: not read further",
                    cap >> 20
                )
            })
        }
        Ok(_) => None,
    };
    (out, problem)
}
