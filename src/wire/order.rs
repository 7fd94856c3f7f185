//! The keys of records in the order in which they come, which is mostly that of a record before: a key that is where it was
//! expected need not be looked for.

use super::fingerprint::member;
use super::members::{Members, Odd};

/// So many keys are known; others are read each time.
const MOST: usize = 128;

/// A key of the record at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// What it is to the reader.
    pub slot: usize,
    /// The [path](member) to its value.
    pub path: u64,
    number: usize,
}

/// Keys that were met, each with the one that was last seen behind it.
#[derive(Debug)]
pub struct Order {
    slot: fn(&str) -> usize,
    /// As they are written, with quotes and colon.
    keys: Vec<(Box<str>, Key)>,
    /// By the number of a key, that of the one behind it; the last is for the first of a record.
    behind: [usize; MOST + 1],
}

impl Order {
    /// None met; `slot` says what a key is to the reader.
    #[must_use]
    pub fn new(slot: fn(&str) -> usize) -> Self {
        Self { slot, keys: Vec::new(), behind: [usize::MAX; MOST + 1] }
    }

    /// The next key, behind `last`; none behind the last member. The value must be taken before the key that follows.
    ///
    /// # Errors
    /// Where only a parser can tell.
    pub fn key(&mut self, members: &mut Members<'_>, last: Option<Key>) -> Result<Option<Key>, Odd> {
        let last = last.map_or(MOST, |key| key.number);
        let expected = self.behind.get(last).and_then(|number| self.keys.get(*number));
        if let Some((_, key)) = expected.filter(|(written, _)| members.take(written)) {
            return Ok(Some(*key));
        }
        let Some(text) = members.key()? else { return Ok(None) };
        let is = |written: &str| written.get(1..written.len() - 2) == Some(text);
        let key = match self.keys.iter().find(|(written, _)| is(written)) {
            Some((_, key)) => *key,
            None => {
                let number = if self.keys.len() < MOST { self.keys.len() } else { usize::MAX };
                let key = Key { slot: (self.slot)(text), path: member(text), number };
                if number < MOST {
                    self.keys.push((format!("\"{text}\":").into(), key));
                }
                key
            }
        };
        if let Some(behind) = self.behind.get_mut(last) {
            *behind = key.number;
        }
        Ok(Some(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn walk(order: &mut Order, text: &str) -> Result<Vec<(usize, u64)>, Odd> {
        let mut members = Members::of(text)?;
        let (mut all, mut last) = (Vec::new(), None);
        while let Some(key) = order.key(&mut members, last)? {
            members.value()?;
            all.push((key.slot, key.path));
            last = Some(key);
        }
        Ok(all)
    }

    fn plainly(text: &str) -> Result<Vec<(usize, u64)>, Odd> {
        let mut members = Members::of(text)?;
        let mut all = Vec::new();
        while let Some(key) = members.key()? {
            members.value()?;
            all.push((key.len(), member(key)));
        }
        Ok(all)
    }

    #[test]
    fn more_keys_than_are_known_are_read_all_the_same() {
        let mut order = Order::new(str::len);
        let members: Vec<String> = (0..2 * MOST).map(|n| format!("\"k{n}\":{n}")).collect();
        let text = format!("{{{}}}", members.join(","));
        for _ in 0..2 {
            assert_eq!(walk(&mut order, &text), plainly(&text));
        }
        assert_eq!(order.keys.len(), MOST);
    }

    proptest! {
        #[test]
        fn keys_are_read_as_they_stand(
            all in prop::collection::vec(prop::collection::vec(("[ab]{0,2}", "[0-9]|\"[ab:,]{0,3}\""), 0..6), 1..6),
            broken in "[,:\"ab} ]{0,2}", at in 0usize..40
        ) {
            let mut order = Order::new(str::len);
            for members in &all {
                let members: Vec<String> = members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                let text = format!("{{{}}}", members.join(","));
                prop_assert_eq!(walk(&mut order, &text), plainly(&text), "{}", text);
                let mut text = text;
                let at = at.min(text.len());
                text.insert_str(at, &broken);
                prop_assert_eq!(walk(&mut order, &text), plainly(&text), "{}", text);
            }
        }
    }
}
