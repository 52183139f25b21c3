//! The bytes of a batch of changes: self-contained, compressed, checked.
//!
//! A frame is `length (4) | xxh3 of the rest (8) | LZ4 block with its size`, and within the block, change by change,
//! `0 key value` (put), `1 key` (delete) or `2 name` (the changes that follow are of this space), each part with its
//! length (4) before it.

use crate::{FailoverError, Result};
use panorama_api::{Space, StateBatch};
use xxhash_rust::xxh3::xxh3_64;

const PUT: u8 = 0;
const DELETE: u8 = 1;
const SPACE: u8 = 2;
const HEAD: usize = 12;

/// Makes the frame of a batch.
pub(crate) fn seal(batch: &StateBatch) -> Vec<u8> {
    let mut plain = Vec::with_capacity(batch.bytes() + batch.len() * 9);
    let mut current = None;
    for (space, key, value) in batch.iter() {
        if current != Some(space) {
            plain.push(SPACE);
            part(&mut plain, space.0.as_bytes());
            current = Some(space);
        }
        plain.push(if value.is_some() { PUT } else { DELETE });
        part(&mut plain, key);
        if let Some(value) = value {
            part(&mut plain, value);
        }
    }
    let block = lz4_flex::compress_prepend_size(&plain);
    let mut frame = Vec::with_capacity(HEAD + block.len());
    frame.extend_from_slice(&u32::try_from(block.len()).unwrap_or(u32::MAX).to_be_bytes());
    frame.extend_from_slice(&xxh3_64(&block).to_be_bytes());
    frame.extend_from_slice(&block);
    frame
}

fn part(plain: &mut Vec<u8>, bytes: &[u8]) {
    plain.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    plain.extend_from_slice(bytes);
}

/// The blocks of the whole frames at the beginning of `bytes`, and how many bytes those are: what follows was cut off.
pub(crate) fn blocks(bytes: &[u8]) -> (Vec<&[u8]>, usize) {
    let (mut blocks, mut at) = (Vec::new(), 0);
    while let Some((block, end)) = block_at(bytes, at) {
        blocks.push(block);
        at = end;
    }
    (blocks, at)
}

fn block_at(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let (length, rest) = bytes.get(at..)?.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<8>()?;
    let block = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    (xxh3_64(block) == u64::from_be_bytes(*sum)).then_some((block, at + HEAD + block.len()))
}

/// Adds the changes of a block to a batch.
pub(crate) fn open(block: &[u8], spaces: &[Space], batch: &mut StateBatch) -> Result<()> {
    visit(block, spaces, |space, key, value| match value {
        Some(value) => batch.put(space, key, value),
        None => batch.delete(space, key),
    })
}

/// Visits the changes of a block.
pub(crate) fn visit(
    block: &[u8],
    spaces: &[Space],
    mut change: impl FnMut(Space, &[u8], Option<&[u8]>),
) -> Result<()> {
    let plain = lz4_flex::decompress_size_prepended(block).map_err(|_| FailoverError::Damaged)?;
    let mut rest = plain.as_slice();
    let mut current = None;
    while let Some((tag, after)) = rest.split_first() {
        rest = after;
        let key = take(&mut rest)?;
        match (*tag, current) {
            (SPACE, _) => current = Some(find(spaces, key)?),
            (PUT, Some(space)) => {
                let value = take(&mut rest)?;
                change(space, key, Some(value));
            }
            (DELETE, Some(space)) => change(space, key, None),
            _ => return Err(FailoverError::Damaged),
        }
    }
    Ok(())
}

fn take<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8]> {
    let found = rest.split_first_chunk::<4>().and_then(|(length, after)| {
        after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
    });
    let (part, after) = found.ok_or(FailoverError::Damaged)?;
    *rest = after;
    Ok(part)
}

fn find(spaces: &[Space], name: &[u8]) -> Result<Space> {
    let found = spaces.iter().find(|space| space.0.as_bytes() == name);
    found
        .copied()
        .ok_or_else(|| FailoverError::Newer(String::from_utf8_lossy(name).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Space = Space("a");
    const B: Space = Space("b");

    #[test]
    fn what_is_sealed_is_opened_and_what_is_cut_off_is_left_out() {
        let mut batch = StateBatch::default();
        batch.put(A, "k", "v");
        batch.put(A, "empty", "");
        batch.delete(B, "gone");
        let one = seal(&batch);
        let mut bytes = [one.clone(), one.clone()].concat();
        let (found, length) = blocks(&bytes);
        assert_eq!((found.len(), length), (2, 2 * one.len()));
        let mut opened = StateBatch::default();
        open(found[0], &[A, B], &mut opened).unwrap();
        let changes: Vec<_> = opened.iter().collect();
        assert_eq!(
            changes,
            [
                (A, &b"k"[..], Some(&b"v"[..])),
                (A, b"empty", Some(b"")),
                (B, b"gone", None)
            ]
        );
        for cut in 1..one.len() {
            assert_eq!(blocks(&bytes[..2 * one.len() - cut]).1, one.len());
        }
        bytes[20] ^= 1;
        assert_eq!(blocks(&bytes).1, 0);
        assert!(matches!(
            open(blocks(&one).0[0], &[A], &mut StateBatch::default()),
            Err(FailoverError::Newer(name)) if name == "b"
        ));
    }
}
