//! What manifest and screen both tell, found once.

use super::cross_account::{self, Entry};
use super::crowd;
use crate::aggregate::Usage;
use crate::model::note::Note;
use crate::pipeline::Plan;

/// All of that.
#[derive(Debug)]
pub struct Told<'u> {
    /// Places that would get more than they hold.
    pub crowd: Vec<Note>,
    /// Uses of what other accounts own.
    pub beyond: Vec<Entry<'u>>,
}

impl<'u> Told<'u> {
    /// Finds it.
    #[must_use]
    pub fn of(usage: &'u Usage, plans: &[Plan<'_>]) -> Self {
        Self { crowd: crowd::notes(plans), beyond: cross_account::entries(usage) }
    }
}
