//! The members of a record, by number.

/// Members that are plain texts, in the order of [`Parts::texts`](super::Parts).
pub(super) const TEXTS: [&str; 17] = [
    "eventSource",
    "eventName",
    "awsRegion",
    "errorCode",
    "recipientAccountId",
    "eventType",
    "readOnly",
    "managementEvent",
    "eventCategory",
    "vpcEndpointId",
    "vpcEndpointAccountId",
    "sessionCredentialFromConsole",
    "sharedEventID",
    "eventTime",
    "eventID",
    "sourceIPAddress",
    "userAgent",
];
pub(super) const SOURCE: usize = 0;
pub(super) const NAME: usize = 1;
pub(super) const REGION: usize = 2;
pub(super) const CODE: usize = 3;
pub(super) const RECIPIENT: usize = 4;
pub(super) const TYPE: usize = 5;
pub(super) const READS: usize = 6;
pub(super) const MANAGES: usize = 7;
pub(super) const CATEGORY: usize = 8;
pub(super) const ENDPOINT: usize = 9;
pub(super) const OWNER: usize = 10;
pub(super) const CONSOLE: usize = 11;
pub(super) const SHARED: usize = 12;
pub(super) const TIME: usize = 13;
pub(super) const ID: usize = 14;
pub(super) const ADDRESS: usize = 15;
pub(super) const AGENT: usize = 16;
/// Members that are more than that.
pub(super) const IDENTITY: usize = 17;
pub(super) const REQUEST: usize = 18;
pub(super) const RESOURCES: usize = 19;
pub(super) const MESSAGE: usize = 20;
pub(super) const RESPONSE: usize = 21;
pub(super) const ADDITIONAL: usize = 22;
/// Envelopes, summaries, other spellings of what stands above.
pub(super) const ENVELOPE: usize = 30;
/// All that is not read.
pub(super) const UNREAD: usize = 31;

/// What a member is.
pub(super) fn slot(key: &str) -> usize {
    match key {
        "userIdentity" => IDENTITY,
        "requestParameters" => REQUEST,
        "resources" => RESOURCES,
        "errorMessage" => MESSAGE,
        "responseElements" => RESPONSE,
        "additionalEventData" => ADDITIONAL,
        "detail" | "CloudTrailEvent" | "@timestamp" | "accountId" | "timeWindow" | "summary" => ENVELOPE,
        _ => TEXTS.iter().position(|known| *known == key).unwrap_or(UNREAD),
    }
}
