//! Points in time as audit logs write them: UTC, microsecond precision.

use std::fmt;

/// Microseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// Days since the Unix epoch, UTC. Windows are cut at whole days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

const MICROS_PER_DAY: i64 = 86_400_000_000;

impl Timestamp {
    /// The time of a record that does not say when it was written. Later than all others, so that it is never first.
    pub const UNKNOWN: Self = Self(i64::MAX);

    /// Whether the record says when.
    #[must_use]
    pub fn is_known(self) -> bool {
        self != Self::UNKNOWN
    }

    /// The later of two, where an unknown one does not count.
    #[must_use]
    pub fn later(self, other: Self) -> Self {
        match (self.is_known(), other.is_known()) {
            (true, true) => self.max(other),
            (true, false) => self,
            _ => other,
        }
    }

    /// Reads an RFC 3339 time with any offset; `None` when it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let at: jiff::Timestamp = text.trim().parse().ok()?;
        Some(Self(at.as_microsecond()))
    }

    /// The UTC day this time falls on.
    #[must_use]
    pub fn day(self) -> Day {
        if !self.is_known() {
            return Day::UNKNOWN;
        }
        Day(i32::try_from(self.0.div_euclid(MICROS_PER_DAY)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(at) => write!(f, "{at}"),
            Err(_) => write!(f, "unknown"),
        }
    }
}

impl Day {
    /// The day of a record without a time; in every window.
    pub const UNKNOWN: Self = Self(i32::MAX);

    /// The day, where it is known.
    #[must_use]
    pub fn known(self) -> Option<Self> {
        (self != Self::UNKNOWN).then_some(self)
    }

    /// Its first moment.
    #[must_use]
    pub fn start(self) -> Timestamp {
        self.known().map_or(Timestamp::UNKNOWN, |day| Timestamp(i64::from(day.0) * MICROS_PER_DAY))
    }

    /// Reads `YYYY-MM-DD` or any RFC 3339 time.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Timestamp::parse(text).or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z"))).map(Timestamp::day)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.start().to_string();
        f.write_str(text.get(..10).unwrap_or(&text))
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Ok(Self::parse(&text).unwrap_or(Self::UNKNOWN))
    }
}

impl serde::Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Day {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Ok(Self::parse(&text).unwrap_or(Self::UNKNOWN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_rfc_3339() {
        let at = Timestamp::parse("2026-11-03T10:05:00.250+01:00").unwrap();
        assert_eq!(at.to_string(), "2026-11-03T09:05:00.25Z");
        assert_eq!(at.day().to_string(), "2026-11-03");
        assert_eq!(Timestamp::parse("yesterday"), None);
        assert_eq!(Day::parse("2026-11-03"), Some(at.day()));
        assert_eq!(Timestamp::parse("1969-12-31T23:59:59Z").unwrap().day().to_string(), "1969-12-31");
    }
}
