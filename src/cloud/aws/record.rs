//! A CloudTrail record as AWS writes it, borrowed from the log.

use crate::wire::sketch::Marks;
use crate::wire::text::{Lenient, OneOrMany, Text};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::cell::Cell;

/// The fields this program reads; all others are passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record<'a> {
    #[serde(default, borrow)]
    pub(super) user_identity: Lenient<Identity<'a>>,
    #[serde(default, borrow)]
    pub(super) event_time: Text<'a>,
    #[serde(default, borrow, rename = "@timestamp")]
    pub(super) at_timestamp: Text<'a>,
    #[serde(default, borrow)]
    pub(super) event_source: Text<'a>,
    #[serde(default, borrow)]
    pub(super) event_name: Text<'a>,
    #[serde(default, borrow)]
    pub(super) aws_region: Text<'a>,
    #[serde(default, borrow)]
    pub(super) error_code: Text<'a>,
    #[serde(default, borrow)]
    pub(super) error_message: Text<'a>,
    #[serde(default, borrow)]
    pub(super) request_parameters: Option<&'a RawValue>,
    #[serde(default, borrow)]
    pub(super) response_elements: Option<&'a RawValue>,
    #[serde(default, borrow)]
    pub(super) resources: OneOrMany<Resource<'a>>,
    #[serde(default, borrow, rename = "eventID")]
    pub(super) event_id: Text<'a>,
    #[serde(default, borrow)]
    pub(super) event_type: Text<'a>,
    #[serde(default, borrow)]
    pub(super) recipient_account_id: Text<'a>,
    #[serde(default, borrow, rename = "sharedEventID")]
    pub(super) shared_event_id: Text<'a>,
    /// The endpoint of a network activity event, and whose it is.
    #[serde(default, borrow)]
    pub(super) vpc_endpoint_id: Text<'a>,
    #[serde(default, borrow)]
    pub(super) vpc_endpoint_account_id: Text<'a>,
    #[serde(default, borrow)]
    pub(super) read_only: Text<'a>,
    #[serde(default, borrow)]
    pub(super) management_event: Text<'a>,
    #[serde(default, borrow)]
    pub(super) event_category: Text<'a>,
    #[serde(default, borrow)]
    pub(super) additional_event_data: Option<&'a RawValue>,
    /// An aggregated event's account.
    #[serde(default, borrow)]
    pub(super) account_id: Text<'a>,
    #[serde(default, borrow)]
    pub(super) time_window: Option<&'a RawValue>,
    #[serde(default, borrow)]
    pub(super) summary: Option<&'a RawValue>,
    /// EventBridge's envelope.
    #[serde(default, borrow)]
    pub(super) detail: Option<&'a RawValue>,
    /// LookupEvents' envelope.
    #[serde(default, borrow, rename = "CloudTrailEvent")]
    pub(super) looked_up: Text<'a>,
    #[serde(default, borrow, rename = "sourceIPAddress")]
    pub(super) source_ip_address: Text<'a>,
    #[serde(default, borrow)]
    pub(super) user_agent: Text<'a>,
    #[serde(default, borrow)]
    pub(super) session_credential_from_console: Text<'a>,
    /// What of the request was looked at.
    #[serde(skip)]
    pub(super) asked: Marks,
    /// What of the answer was.
    #[serde(skip)]
    pub(super) answered: Marks,
    /// Whether the caller's own name was.
    #[serde(skip)]
    pub(super) named: Cell<bool>,
    /// Whether anybody asks for its [outline](crate::wire::outline).
    #[serde(skip)]
    pub(super) outlined: bool,
    /// Whether a name was looked at beyond what its outline has.
    #[serde(skip)]
    pub(super) pried: Cell<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Identity<'a> {
    #[serde(default, borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(default, borrow)]
    pub(super) principal_id: Text<'a>,
    #[serde(default, borrow)]
    pub(super) arn: Text<'a>,
    #[serde(default, borrow)]
    pub(super) account_id: Text<'a>,
    #[serde(default, borrow)]
    pub(super) access_key_id: Text<'a>,
    #[serde(default, borrow)]
    pub(super) identity_provider: Text<'a>,
    #[serde(default, borrow)]
    pub(super) invoked_by: Text<'a>,
    #[serde(default, borrow)]
    pub(super) session_context: Lenient<Session<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Session<'a> {
    #[serde(default, borrow)]
    pub(super) session_issuer: Lenient<Issuer<'a>>,
    #[serde(default, borrow)]
    pub(super) web_id_federation_data: Lenient<WebIdentity<'a>>,
    #[serde(default, borrow)]
    pub(super) attributes: Lenient<Attributes<'a>>,
    #[serde(default, borrow)]
    pub(super) ec2_role_delivery: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Issuer<'a> {
    #[serde(default, borrow)]
    pub(super) arn: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WebIdentity<'a> {
    #[serde(default, borrow)]
    pub(super) federated_provider: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Attributes<'a> {
    #[serde(default, borrow)]
    pub(super) creation_date: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Resource<'a> {
    #[serde(default, borrow, rename = "ARN", alias = "arn")]
    pub(super) arn: Text<'a>,
    #[serde(default, borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(default, borrow, rename = "accountId")]
    pub(super) account_id: Text<'a>,
}

impl Record<'_> {
    /// The event source without its domain.
    pub(super) fn host(&self) -> &str {
        let source = self.event_source.or_empty();
        [".amazonaws.com.cn", ".amazonaws.com"].iter().find_map(|d| source.strip_suffix(d)).unwrap_or(source)
    }

    /// The account the record was delivered to, else the caller's.
    pub(super) fn account(&self) -> &str {
        self.recipient_account_id.filled().or(self.user_identity.0.account_id.filled()).unwrap_or("")
    }

    /// `aws`, `aws-cn` or `aws-us-gov`, from the caller's ARN, else the region.
    pub(super) fn partition(&self) -> &str {
        let from_arn =
            self.user_identity.0.arn.get().and_then(|arn| arn.strip_prefix("arn:")?.split(':').next());
        let region = self.aws_region.or_empty();
        match from_arn {
            Some(partition) if partition.starts_with("aws") => partition,
            _ if region.starts_with("cn-") => "aws-cn",
            _ if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }
}
