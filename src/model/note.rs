//! Coded messages for the person who runs the program.

/// A message with a stable code.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// Stable code.
    pub code: Code,
    /// What was found.
    pub text: String,
}

/// The codes; each is explained in the README under its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// Records share an id but not the content.
    IdReused,
    /// Root was used.
    RootUsed,
    /// Object names were joined because there were too many.
    Collapsed,
    /// Events that no rule maps.
    Unmapped,
    /// An end of the window lies within a day, and the whole day was taken.
    WindowRounded,
    /// A download that may lack the rest.
    Full,
    /// A place would get more custom roles than it holds.
    RoleLimit,
}

impl Code {
    /// All codes.
    pub const ALL: [Self; 7] = [
        Self::IdReused,
        Self::RootUsed,
        Self::Collapsed,
        Self::Unmapped,
        Self::WindowRounded,
        Self::Full,
        Self::RoleLimit,
    ];

    /// The word scripts rely on.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IdReused => "id-reused",
            Self::RootUsed => "root-used",
            Self::Collapsed => "collapsed",
            Self::Unmapped => "unmapped",
            Self::WindowRounded => "window-rounded",
            Self::Full => "full-download",
            Self::RoleLimit => "role-limit",
        }
    }
}
