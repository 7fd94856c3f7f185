//! What machines make of names.

/// A machine-made part of a resource name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// First byte, and the one after the last.
    pub span: (usize, usize),
    /// Recogniser.
    pub rule: &'static str,
    /// What it is, in words.
    pub words: &'static str,
    /// Different values of it that must be seen.
    pub samples: usize,
    /// Whether a person could have chosen it: then the name must be one of a stack's.
    pub doubtful: bool,
    /// Whether a deployed stack puts it behind its own name.
    pub of_stack: bool,
    /// Whether it holds for what stays exact otherwise.
    pub suffix: bool,
    /// Whether its length stays.
    pub fixed: bool,
    /// Whether it may be all there is to a name: each such thing is used for a moment, and only by who made it.
    pub passing: bool,
}
