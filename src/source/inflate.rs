//! Gzip (also of several members) and zstd, told by content and capped: a small file must fill neither memory nor time.
//!
//! A gzip file of one member whose size fits is inflated at once by `libdeflate`, into a buffer that the thread keeps;
//! everything else, and everything that is damaged, is left to a decoder that streams.

use libdeflater::Decompressor;
use std::cell::RefCell;
use std::io::{Cursor, Error, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Inflated bytes any file may have, whatever its size.
const FLOOR: u64 = 256 << 20;
/// How many times its size a larger file may inflate to; audit logs reach about 30.
const RATIO: u64 = 100;

/// Most that one text holds, and that a thread keeps a buffer for; what is longer comes as a stream.
pub(super) const AT_ONCE: usize = 32 << 20;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

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

/// What bytes inflate to.
pub(super) enum Inflated {
    /// All of it, and why it ends early.
    Whole(Vec<u8>, Option<String>),
    /// More than one text holds.
    Long(Box<dyn Read + Send>),
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

/// Inflates bytes that are all there.
pub(super) fn inflate(bytes: Vec<u8>) -> Inflated {
    if let Some(out) = bytes.starts_with(&GZIP).then(|| at_once(&bytes)).flatten() {
        return Inflated::Whole(out, None);
    }
    if bytes.starts_with(&GZIP) || bytes.starts_with(&ZSTD) {
        return open(Box::new(Cursor::new(bytes)));
    }
    Inflated::Whole(bytes, None)
}

/// Inflates what comes, as far as one text holds; the rest when it is asked for.
pub(super) fn open(mut from: Box<dyn Read + Send>) -> Inflated {
    let mut head = Vec::new();
    if let Err(error) = from.by_ref().take(ZSTD.len() as u64).read_to_end(&mut head) {
        return Inflated::Whole(Vec::new(), Some(error.to_string()));
    }
    let read = Arc::new(AtomicU64::new(0));
    let (gzip, zstd) = (head.starts_with(&GZIP), head.starts_with(&ZSTD));
    let raw = Counted { from: Cursor::new(head).chain(from), read: Arc::clone(&read) };
    let mut reader: Box<dyn Read + Send> = if gzip {
        let decoder = flate2::bufread::MultiGzDecoder::new(std::io::BufReader::with_capacity(1 << 16, raw));
        Box::new(Capped { from: decoder, kind: "gzip", done: 0, stored: read })
    } else if zstd {
        match zstd::stream::read::Decoder::new(raw) {
            Ok(decoder) => Box::new(Capped { from: decoder, kind: "zstd", done: 0, stored: read }),
            Err(error) => {
                return Inflated::Whole(Vec::new(), Some(format!("is no whole zstd file: {error}")));
            }
        }
    } else {
        Box::new(raw)
    };
    let mut first = Vec::new();
    match reader.by_ref().take(AT_ONCE as u64 + 1).read_to_end(&mut first) {
        Err(error) => Inflated::Whole(first, Some(error.to_string())),
        Ok(_) if first.len() <= AT_ONCE => Inflated::Whole(first, None),
        Ok(_) => Inflated::Long(Box::new(Begun { first: Cursor::new(first), rest: reader })),
    }
}

/// What was read already, given back as soon as it is used up, and the rest.
struct Begun {
    first: Cursor<Vec<u8>>,
    rest: Box<dyn Read + Send>,
}

impl Read for Begun {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        if !self.first.get_ref().is_empty() {
            match self.first.read(to)? {
                0 if !to.is_empty() => self.first = Cursor::default(),
                read => return Ok(read),
            }
        }
        self.rest.read(to)
    }
}

/// Counts what was read as it is stored.
struct Counted<R> {
    from: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let read = self.from.read(to)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Says what is wrong with a compressed stream, and ends one that inflates to more than any log does.
struct Capped<R> {
    from: R,
    kind: &'static str,
    done: u64,
    stored: Arc<AtomicU64>,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let Self { from, kind, done, stored } = self;
        let read = from.read(to).map_err(|error| {
            Error::other(format!(
                "the {kind} stream is cut or damaged after {done} bytes: {error}; fetch the file again"
            ))
        })?;
        *done += read as u64;
        if *done > FLOOR.max(RATIO.saturating_mul(stored.load(Ordering::Relaxed))) {
            return Err(Error::other(format!(
                "inflates to more than {} MiB, which no audit log of its size does: not read further",
                *done >> 20
            )));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_inflates_to_more_than_logs_do_is_not_read_further() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let zeros = vec![b' '; 1 << 20];
        (0..=FLOOR >> 20).for_each(|_| packed.write_all(&zeros).unwrap());
        let Inflated::Long(mut reader) = inflate(packed.finish().unwrap()) else { panic!("it is long") };
        let error = std::io::copy(&mut reader, &mut std::io::sink()).unwrap_err().to_string();
        assert!(error.contains("inflates to more than 256 MiB"), "{error}");
    }

    #[test]
    fn members_and_frames_are_one_text() {
        let member = |text: &str| {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packed.write_all(text.as_bytes()).unwrap();
            packed.finish().unwrap()
        };
        let frame = |text: &str| zstd::encode_all(text.as_bytes(), 1).unwrap();
        for packed in [[member("a"), member("b")].concat(), [frame("a"), frame("b")].concat(), b"ab".to_vec()]
        {
            let Inflated::Whole(bytes, problem) = inflate(packed) else { panic!("it is short") };
            assert_eq!((bytes, problem), (b"ab".to_vec(), None));
        }
    }
}
