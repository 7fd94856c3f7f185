//! Names, cut where they say in which place something is.

/// A piece of a name; all pieces joined are the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// What says nothing of a place.
    Text(&'a str),
    /// The partition of the cloud.
    Partition(&'a str),
    /// The region.
    Region(&'a str),
    /// The account.
    Account(&'a str),
}

impl<'a> Piece<'a> {
    /// The piece as it stands in the name.
    #[must_use]
    pub fn text(&self) -> &'a str {
        let (Self::Text(text) | Self::Partition(text) | Self::Region(text) | Self::Account(text)) = self;
        text
    }
}
