//! A list that grows without moving what it holds: doubling a list of a million costs more than all the work on its last
//! record.

/// A list in pieces of so many items.
#[derive(Clone, Debug)]
pub(crate) struct Chunked<T, const CHUNK: usize> {
    chunks: Vec<Vec<T>>,
}

impl<T, const CHUNK: usize> Default for Chunked<T, CHUNK> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T, const CHUNK: usize> Chunked<T, CHUNK> {
    pub(crate) fn len(&self) -> usize {
        let full = self.chunks.len().saturating_sub(1) * CHUNK;
        full + self.chunks.last().map_or(0, Vec::len)
    }

    pub(crate) fn push(&mut self, item: T) {
        match self.chunks.last_mut().filter(|chunk| chunk.len() < CHUNK) {
            Some(chunk) => chunk.push(item),
            None => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(item);
                self.chunks.push(chunk);
            }
        }
    }

    pub(crate) fn get(&self, at: usize) -> Option<&T> {
        self.chunks.get(at / CHUNK)?.get(at % CHUNK)
    }

    pub(crate) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        self.chunks.get_mut(at / CHUNK)?.get_mut(at % CHUNK)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_list() {
        const CHUNK: usize = 16;
        let mut list = Chunked::<usize, CHUNK>::default();
        for at in 0..3 * CHUNK + 5 {
            assert_eq!(list.len(), at);
            list.push(at);
        }
        assert_eq!(list.get(CHUNK), Some(&CHUNK));
        *list.get_mut(CHUNK).unwrap() = 7;
        assert_eq!(list.iter().nth(CHUNK), Some(&7));
        assert_eq!(list.get(list.len()), None);
    }
}
