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
        if let Some(at) = Self::plain(text.as_bytes()) {
            return Some(at);
        }
        let at: jiff::Timestamp = text.trim().parse().ok()?;
        Some(Self(at.as_microsecond()))
    }

    /// Reads a time as nearly all logs write it: UTC, in capitals, since 1970; not the last days of months, for which the
    /// calendar is asked.
    fn plain(text: &[u8]) -> Option<Self> {
        let number = |from: usize, len: usize| {
            text.get(from..from + len)?
                .iter()
                .try_fold(0_i64, |all, byte| byte.is_ascii_digit().then(|| all * 10 + i64::from(byte - b'0')))
        };
        let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
        if !marks.iter().all(|(at, mark)| text.get(*at) == Some(mark)) {
            return None;
        }
        let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
        let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
        let known = year >= 1970 && (1..=12).contains(&month) && (1..=28).contains(&day);
        if !known || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let micros = match text.get(19..)? {
            b"Z" => 0,
            [b'.', digits @ .., b'Z'] if (1..=9).contains(&digits.len()) => {
                let part = number(20, digits.len())?;
                let digits = i32::try_from(digits.len()).ok()?;
                if digits > 6 {
                    part / 10_i64.pow((digits - 6).unsigned_abs())
                } else {
                    part * 10_i64.pow((6 - digits).unsigned_abs())
                }
            }
            _ => return None,
        };
        // Years begin in March, so that the leap day is their last
        // (<https://howardhinnant.github.io/date_algorithms.html#days_from_civil>).
        let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let of_year = (153 * month + 2) / 5 + day - 1;
        let days = 365 * year + year / 4 - year / 100 + year / 400 + of_year - 719_468;
        Some(Self((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000 + micros))
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
    fn plain_times_are_read_as_the_calendar_has_them() {
        let by_jiff =
            |text: &str| text.parse::<jiff::Timestamp>().ok().map(|at| Timestamp(at.as_microsecond()));
        for year in [1970, 1972, 1999, 2000, 2026, 2028, 2100, 2400, 9998] {
            for month in 1..=12 {
                for day in [1, 2, 15, 28] {
                    for end in [
                        "00:00:00Z",
                        "23:59:59.9Z",
                        "09:08:07.123456Z",
                        "12:34:56.123456789Z",
                        "01:00:00.000001999Z",
                    ] {
                        let text = format!("{year}-{month:02}-{day:02}T{end}");
                        let plain = Timestamp::plain(text.as_bytes());
                        assert!(plain.is_some(), "{text}");
                        assert_eq!(plain, by_jiff(&text), "{text}");
                    }
                }
            }
        }
        for odd in [
            "",
            "2026-11-03",
            "2026-11-03T24:00:00Z",
            "2026-11-03T09:60:00Z",
            "2026-13-03T09:00:00Z",
            "2026-11-03T09:00:00",
            "2026-11-03T09:00:00.Z",
            "2026-11-03T09:00:00.1234567890Z",
            "2026-11-03T09:00:00+01:00",
            "2026-11-03T09:00:00z",
            "2026-00-03T09:00:00Z",
            "2026-11-00T09:00:00Z",
            "20a6-11-03T09:00:00Z",
            "2026-11-03T09:00:00.1x2Z",
        ] {
            assert_eq!(Timestamp::plain(odd.as_bytes()), None, "{odd}");
        }
    }

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
