//! Gzip (also of several members) and zstd, told by content and capped: a small file must not fill the memory.
//!
//! A gzip file of one member whose size fits is inflated at once by `libdeflate`, into a buffer that the thread keeps;
//! everything else, and everything that is damaged, is left to a decoder that streams.

use libdeflater::Decompressor;
use std::cell::RefCell;
use std::io::{Cursor, Read};

/// Inflated bytes any file may have, whatever its size.
const FLOOR: u64 = 256 << 20;
/// How many times its size a larger file may inflate to; audit logs reach about 30.
const RATIO: u64 = 100;

/// Most that is inflated at once: a buffer of this size is kept by each thread.
const AT_ONCE: usize = 64 << 20;

thread_local! {
    static SPARE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static INFLATE: RefCell<Decompressor> = RefCell::new(Decompressor::new());
}

/// Takes a buffer back that is no longer needed.
pub(super) fn recycle(buffer: Vec<u8>) {
    SPARE.with_borrow_mut(|spare| {
        if buffer.capacity() > spare.capacity() && buffer.capacity() <= AT_ONCE {
            *spare = buffer;
        }
    });
}

/// The content of a gzip file of one member that is whole; none where it must be looked at more closely.
fn at_once(bytes: &[u8]) -> Option<Vec<u8>> {
    let size = u32::from_le_bytes(*bytes.last_chunk::<4>()?) as usize;
    // A second member begins like the first; its bytes may also stand in the data by chance.
    let body = bytes.get(2..)?;
    let members = memchr::memmem::find_iter(body, &[0x1f, 0x8b, 0x08]);
    let flags = |at: usize| body.get(at + 3).is_none_or(|flags| flags & 0xe0 == 0);
    if size == 0 || size > AT_ONCE || members.into_iter().any(flags) {
        return None;
    }
    let mut out = SPARE.take();
    out.resize(size, 0);
    let inflated = INFLATE.with_borrow_mut(|inflate| inflate.gzip_decompress(bytes, &mut out));
    if inflated == Ok(size) {
        return Some(out);
    }
    recycle(out);
    None
}

/// Inflates `bytes`; what could be inflated before a fault is returned with the fault.
pub(super) fn inflate(bytes: Vec<u8>) -> (Vec<u8>, Option<String>) {
    let cap = FLOOR.max(RATIO.saturating_mul(bytes.len() as u64));
    if bytes.starts_with(&[0x1f, 0x8b]) {
        if let Some(out) = at_once(&bytes) {
            return (out, None);
        }
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
