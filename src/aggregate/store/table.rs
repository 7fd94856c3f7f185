//! The two tables of a segment, rows and facts, and the one law by which their lines are joined: what has the same keys is
//! one line, with the sum of the counts, the first and last time, and the earliest sample.

use super::StoreError;
use polars::prelude::*;

/// What makes two lines of the usage table one. `exempt` is empty where a document carries the use.
pub(super) const ROW_TEXTS: [&str; 15] = [
    "cloud",
    "principal",
    "action",
    "level",
    "target",
    "family",
    "scope",
    "context",
    "outcome",
    "basis",
    "via",
    "rule",
    "exempt",
    "account",
    "region",
];
/// Everything else that reading yields: a kind, where and whose, and what the kind needs.
pub(super) const FACT_TEXTS: [&str; 8] = ["kind", "cloud", "account", "region", "principal", "a", "b", "c"];
/// Day of a line: days since the Unix epoch; null where the record does not say, and for what has no day.
pub(super) const DAY: &str = "day";
/// A number among the keys of a fact: a hash, a flag.
pub(super) const NUMBER: &str = "number";
const COUNT: &str = "count";
const FIRST: &str = "first";
const LAST: &str = "last";
const SAMPLE: &str = "sample";

/// How often, when (microseconds since the Unix epoch, none: unknown), and the earliest record.
#[derive(Clone, Debug, Default)]
pub(super) struct Measure {
    pub(super) count: u64,
    pub(super) first: Option<i64>,
    pub(super) last: Option<i64>,
    pub(super) sample: Option<String>,
}

/// A table as it grows.
pub(super) struct Builder {
    texts: Vec<StringChunkedBuilder>,
    days: Vec<Option<i32>>,
    numbers: Vec<u64>,
    counts: Vec<u64>,
    firsts: Vec<Option<i64>>,
    lasts: Vec<Option<i64>>,
    samples: Vec<Option<String>>,
}

impl Builder {
    /// A table with these texts among its keys.
    pub(super) fn new(texts: &[&str]) -> Self {
        Self {
            texts: texts.iter().map(|name| StringChunkedBuilder::new((*name).into(), 1024)).collect(),
            days: Vec::new(),
            numbers: Vec::new(),
            counts: Vec::new(),
            firsts: Vec::new(),
            lasts: Vec::new(),
            samples: Vec::new(),
        }
    }

    /// Adds a line; `texts` in the order of the columns.
    pub(super) fn push(&mut self, day: Option<i32>, texts: &[&str], number: u64, measure: Measure) {
        for (column, text) in self.texts.iter_mut().zip(texts) {
            column.append_value(text);
        }
        self.days.push(day);
        self.numbers.push(number);
        self.counts.push(measure.count);
        self.firsts.push(measure.first);
        self.lasts.push(measure.last);
        self.samples.push(measure.sample);
    }

    pub(super) fn finish(self) -> Result<DataFrame, StoreError> {
        let height = self.days.len();
        let mut columns = vec![Column::new(DAY.into(), self.days)];
        columns.extend(self.texts.into_iter().map(|column| column.finish().into_series().into_column()));
        columns.push(Column::new(NUMBER.into(), self.numbers));
        columns.push(Column::new(COUNT.into(), self.counts));
        columns.push(Column::new(FIRST.into(), self.firsts));
        columns.push(Column::new(LAST.into(), self.lasts));
        columns.push(Column::new(SAMPLE.into(), self.samples));
        Ok(DataFrame::new(height, columns)?)
    }
}

/// All frames below one another; none where there is none.
pub(super) fn stack(frames: impl IntoIterator<Item = DataFrame>) -> Result<Option<DataFrame>, StoreError> {
    let mut frames = frames.into_iter();
    let Some(mut all) = frames.next() else { return Ok(None) };
    for frame in frames {
        all.vstack_mut_owned(frame)?;
    }
    Ok(Some(all))
}

/// Joins the lines that have the same keys.
pub(super) fn joined(lines: LazyFrame, keys: &[&str]) -> LazyFrame {
    let keys: Vec<Expr> = keys.iter().map(|key| col(*key)).collect();
    lines.group_by(keys).agg(measures())
}

/// The columns that are joined, each by its law.
pub(super) fn measures() -> [Expr; 4] {
    [col(COUNT).sum(), col(FIRST).min(), col(LAST).max(), col(SAMPLE).min()]
}

/// All keys of a table with these texts.
pub(super) fn keys<'t>(texts: &[&'t str]) -> Vec<&'t str> {
    [&[DAY], texts, &[NUMBER]].concat()
}

/// Joins and sorts, as a segment holds it: by day, then by text.
pub(super) fn settled(frame: DataFrame, texts: &[&str]) -> Result<DataFrame, StoreError> {
    let keys = keys(texts);
    let order = SortMultipleOptions::default().with_nulls_last(true);
    let by: Vec<PlSmallStr> = keys.iter().map(|key| (*key).into()).collect();
    Ok(joined(frame.lazy(), &keys).sort(by, order).collect()?)
}

/// First and last day of a table.
pub(super) fn span(frame: &DataFrame) -> Result<Option<(i32, i32)>, StoreError> {
    let days = frame.column(DAY)?.i32()?;
    Ok(days.min().zip(days.max()))
}

/// The lines of a table, one after another.
pub(super) struct Lines<'f> {
    texts: Vec<&'f StringChunked>,
    days: &'f Int32Chunked,
    numbers: &'f UInt64Chunked,
    counts: &'f UInt64Chunked,
    firsts: &'f Int64Chunked,
    lasts: &'f Int64Chunked,
    samples: &'f StringChunked,
}

/// One line of a table.
pub(super) struct Cells<'f> {
    lines: &'f Lines<'f>,
    at: usize,
}

impl<'f> Lines<'f> {
    pub(super) fn of(frame: &'f DataFrame, texts: &[&str]) -> Result<Self, StoreError> {
        let text = |name: &&str| Ok::<_, StoreError>(frame.column(name)?.str()?);
        Ok(Self {
            texts: texts.iter().map(text).collect::<Result<_, _>>()?,
            days: frame.column(DAY)?.i32()?,
            numbers: frame.column(NUMBER)?.u64()?,
            counts: frame.column(COUNT)?.u64()?,
            firsts: frame.column(FIRST)?.i64()?,
            lasts: frame.column(LAST)?.i64()?,
            samples: frame.column(SAMPLE)?.str()?,
        })
    }

    pub(super) fn iter(&'f self) -> impl Iterator<Item = Cells<'f>> {
        (0..self.days.len()).map(|at| Cells { lines: self, at })
    }
}

impl<'f> Cells<'f> {
    /// The text of that column, in the order in which the columns were asked for.
    pub(super) fn text(&self, column: usize) -> &'f str {
        self.lines.texts.get(column).and_then(|column| column.get(self.at)).unwrap_or("")
    }

    pub(super) fn day(&self) -> Option<i32> {
        self.lines.days.get(self.at)
    }

    pub(super) fn number(&self) -> u64 {
        self.lines.numbers.get(self.at).unwrap_or(0)
    }

    pub(super) fn count(&self) -> u64 {
        self.lines.counts.get(self.at).unwrap_or(0)
    }

    pub(super) fn first(&self) -> Option<i64> {
        self.lines.firsts.get(self.at)
    }

    pub(super) fn last(&self) -> Option<i64> {
        self.lines.lasts.get(self.at)
    }

    pub(super) fn sample(&self) -> &'f str {
        self.lines.samples.get(self.at).unwrap_or("")
    }
}
