//! What an input names: a place on this machine, or one of a cloud.

use super::SourceError;

/// A live source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Address {
    /// `s3://bucket/prefix`.
    S3 {
        /// The bucket.
        bucket: String,
        /// A folder, or one object; empty: the whole bucket.
        prefix: String,
    },
    /// `gs://bucket/prefix`.
    Gcs {
        /// The bucket.
        bucket: String,
        /// A folder, or one object; empty: the whole bucket.
        prefix: String,
    },
    /// `cloudtrail://REGION`: what LookupEvents knows there.
    Lookup {
        /// The region.
        region: String,
    },
    /// `logging://projects/ID`: what entries.list knows there.
    Logging {
        /// `projects/ID`, `folders/ID`, `organizations/ID` or `billingAccounts/ID`.
        parent: String,
    },
}

/// What has logs in Google Cloud.
const PARENTS: [&str; 4] = ["projects", "folders", "organizations", "billingAccounts"];

impl Address {
    /// Reads an input; none where it is a path of this machine.
    ///
    /// # Errors
    /// When it is an address, but not a whole one.
    pub fn parse(input: &str) -> Result<Option<Self>, SourceError> {
        let Some((scheme, rest)) = input.split_once("://") else { return Ok(None) };
        let wrong = |why: &str| Err(SourceError::Address { input: input.to_owned(), why: why.to_owned() });
        let (head, tail) = rest.split_once('/').unwrap_or((rest, ""));
        let (bucket, prefix) = (head.to_owned(), tail.to_owned());
        match scheme {
            "s3" | "gs" if bucket.is_empty() => {
                wrong("names no bucket: write s3://bucket/prefix or gs://bucket/prefix")
            }
            "s3" => Ok(Some(Self::S3 { bucket, prefix })),
            "gs" => Ok(Some(Self::Gcs { bucket, prefix })),
            "cloudtrail" => {
                let region = rest.trim_end_matches('/');
                if region.is_empty()
                    || !region.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
                {
                    return wrong("names no region: write cloudtrail://eu-central-1");
                }
                Ok(Some(Self::Lookup { region: region.to_owned() }))
            }
            "logging" => {
                let parent = rest.trim_end_matches('/');
                let whole = parent.split_once('/').is_some_and(|(kind, id)| {
                    PARENTS.contains(&kind) && !id.is_empty() && !id.contains(['/', '"'])
                });
                if !whole {
                    return wrong(
                        "names nothing that has logs: write logging://projects/ID, logging://folders/ID or \
                         logging://organizations/ID",
                    );
                }
                Ok(Some(Self::Logging { parent: parent.to_owned() }))
            }
            _ => Ok(None),
        }
    }

    /// Whether another place lies in this one.
    pub(super) fn holds(&self, other: &Self) -> bool {
        let inside = |outer: &str, inner: &str| {
            let outer = outer.trim_end_matches('/');
            outer.is_empty()
                || inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        match (self, other) {
            (Self::S3 { bucket: a, prefix: outer }, Self::S3 { bucket: b, prefix: inner })
            | (Self::Gcs { bucket: a, prefix: outer }, Self::Gcs { bucket: b, prefix: inner }) => {
                a == b && inside(outer, inner)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_addresses_from_paths() {
        assert_eq!(Address::parse("logs/a.json").unwrap(), None);
        assert_eq!(Address::parse("-").unwrap(), None);
        let got = Address::parse("s3://trail/AWSLogs/111122223333/").unwrap();
        let prefix = "AWSLogs/111122223333/".to_owned();
        assert_eq!(got, Some(Address::S3 { bucket: "trail".to_owned(), prefix }));
        assert_eq!(
            Address::parse("logging://folders/12/").unwrap(),
            Some(Address::Logging { parent: "folders/12".to_owned() })
        );
        for wrong in
            ["s3://", "gs:///a", "cloudtrail://", "cloudtrail://EU", "logging://projects/", "logging://x/1"]
        {
            assert!(Address::parse(wrong).is_err(), "{wrong}");
        }
    }
}
