//! Looking for bytes, sixteen at a time.

use wide::u8x16;

/// Index of the first byte for which `is` holds; the length where there is none.
pub(crate) fn first(bytes: &[u8], is: impl Fn(u8x16) -> u8x16) -> usize {
    let found = |chunk: [u8; 16]| is(u8x16::from(chunk)).to_bitmask();
    let (chunks, rest) = bytes.as_chunks::<16>();
    for (at, chunk) in chunks.iter().enumerate() {
        let found = found(*chunk);
        if found != 0 {
            return 16 * at + found.trailing_zeros() as usize;
        }
    }
    (bytes.len() - rest.len() + found(padded(rest)).trailing_zeros() as usize).min(bytes.len())
}

/// All bytes for which `is` holds, each with its index.
pub(crate) fn all(bytes: &[u8], is: impl Fn(u8x16) -> u8x16) -> impl Iterator<Item = (usize, u8)> {
    let (mut chunk, mut found, mut next) = ([0; 16], 0, 0);
    std::iter::from_fn(move || {
        while found == 0 {
            let rest = bytes.get(next..).filter(|rest| !rest.is_empty())?;
            chunk = rest.first_chunk().copied().unwrap_or_else(|| padded(rest));
            found = is(u8x16::from(chunk)).to_bitmask() & mask(rest.len());
            next += 16;
        }
        let at = found.trailing_zeros() as usize;
        found &= found - 1;
        Some((next - 16 + at, chunk.get(at).copied().unwrap_or_default()))
    })
}

/// Up to fifteen bytes, and nulls behind them.
fn padded(rest: &[u8]) -> [u8; 16] {
    let mut all = [0; 16];
    all.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    all
}

/// Bits of so many lanes at most.
fn mask(len: usize) -> u32 {
    if len < 16 { (1 << len) - 1 } else { 0xffff }
}

/// Those that are this byte.
pub(crate) fn is(lanes: u8x16, byte: u8) -> u8x16 {
    lanes.simd_eq(u8x16::splat(byte))
}

/// Those in this range.
pub(crate) fn within(lanes: u8x16, from: u8, to: u8) -> u8x16 {
    let offset = lanes - u8x16::splat(from);
    offset.simd_eq(offset.min(u8x16::splat(to - from)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bytes_are_found_wherever_they_stand(bytes in proptest::collection::vec(0u8..8, 0..70), from in 0u8..8) {
            let range = |byte: &u8| (from..=from + 1).contains(byte);
            let lanes = |x| within(x, from, from + 1);
            let plainly: Vec<(usize, u8)> =
                bytes.iter().copied().enumerate().filter(|(_, byte)| range(byte)).collect();
            prop_assert_eq!(all(&bytes, lanes).collect::<Vec<_>>(), plainly.clone());
            prop_assert_eq!(first(&bytes, lanes), plainly.first().map_or(bytes.len(), |(at, _)| *at));
            prop_assert_eq!(all(&bytes, |x| is(x, from)).count(), bytes.iter().filter(|b| **b == from).count());
        }
    }
}
