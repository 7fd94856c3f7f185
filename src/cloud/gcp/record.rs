//! A Cloud Audit Logs entry as Google writes it, borrowed from the log.

use crate::wire::text::{Lenient, OneOrMany, Text};
use serde::Deserialize;
use serde_json::value::RawValue;

/// `LogEntry`; fields this program does not read are passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry<'a> {
    #[serde(default, borrow)]
    pub(super) log_name: Text<'a>,
    #[serde(default, borrow)]
    pub(super) insert_id: Text<'a>,
    #[serde(default, borrow)]
    pub(super) timestamp: Text<'a>,
    #[serde(default, borrow)]
    pub(super) receive_timestamp: Text<'a>,
    #[serde(default, borrow)]
    pub(super) resource: Lenient<Monitored<'a>>,
    #[serde(default, borrow)]
    pub(super) operation: Lenient<Operation<'a>>,
    #[serde(default, borrow)]
    pub(super) proto_payload: Lenient<Payload<'a>>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Monitored<'a> {
    #[serde(default, borrow)]
    pub(super) labels: Lenient<Labels<'a>>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Labels<'a> {
    #[serde(default, borrow)]
    pub(super) project_id: Text<'a>,
    #[serde(default, borrow)]
    pub(super) email_id: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Operation<'a> {
    #[serde(default, borrow)]
    pub(super) id: Text<'a>,
    #[serde(default, borrow)]
    pub(super) producer: Text<'a>,
    #[serde(default, borrow)]
    pub(super) first: Text<'a>,
    #[serde(default, borrow)]
    pub(super) last: Text<'a>,
}

/// `google.cloud.audit.AuditLog`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payload<'a> {
    #[serde(default, borrow)]
    pub(super) service_name: Text<'a>,
    #[serde(default, borrow)]
    pub(super) method_name: Text<'a>,
    #[serde(default, borrow)]
    pub(super) resource_name: Text<'a>,
    #[serde(default, borrow)]
    pub(super) status: Lenient<Status<'a>>,
    #[serde(default, borrow)]
    pub(super) authentication_info: Lenient<Authentication<'a>>,
    #[serde(default, borrow)]
    pub(super) authorization_info: OneOrMany<Authorization<'a>>,
    #[serde(default, borrow)]
    pub(super) request_metadata: Lenient<Request<'a>>,
    #[serde(default, borrow)]
    pub(super) metadata: Lenient<Typed<'a>>,
    #[serde(default, borrow)]
    pub(super) request: Option<&'a RawValue>,
    #[serde(default, borrow)]
    pub(super) policy_violation_info: Lenient<PolicyViolation<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request<'a> {
    #[serde(default, borrow)]
    pub(super) caller_ip: Text<'a>,
    #[serde(default, borrow)]
    pub(super) caller_supplied_user_agent: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Status<'a> {
    #[serde(default, borrow)]
    pub(super) code: Text<'a>,
    #[serde(default, borrow)]
    pub(super) message: Text<'a>,
    #[serde(default, borrow)]
    pub(super) details: Option<&'a RawValue>,
}

/// What a violation of VPC Service Controls says, beside its type.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Typed<'a> {
    #[serde(default, borrow, rename = "@type")]
    pub(super) kind: Text<'a>,
    #[serde(default, borrow)]
    pub(super) dry_run: Text<'a>,
    #[serde(default, borrow)]
    pub(super) resource_names: Option<&'a RawValue>,
    #[serde(default, borrow)]
    pub(super) security_policy_info: Lenient<SecurityPolicy<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SecurityPolicy<'a> {
    #[serde(default, borrow)]
    pub(super) service_perimeter_name: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PolicyViolation<'a> {
    #[serde(default, borrow)]
    pub(super) org_policy_violation_info: Lenient<OrgPolicyViolation<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrgPolicyViolation<'a> {
    #[serde(default, borrow)]
    pub(super) violation_info: OneOrMany<Constraint<'a>>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Constraint<'a> {
    #[serde(default, borrow)]
    pub(super) constraint: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Authentication<'a> {
    #[serde(default, borrow)]
    pub(super) principal_email: Text<'a>,
    #[serde(default, borrow)]
    pub(super) principal_subject: Text<'a>,
    #[serde(default, borrow)]
    pub(super) service_account_key_name: Text<'a>,
    /// Who impersonated whom, the original caller first.
    #[serde(default, borrow)]
    pub(super) service_account_delegation_info: OneOrMany<Delegation<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Delegation<'a> {
    #[serde(default, borrow)]
    pub(super) principal_subject: Text<'a>,
    #[serde(default, borrow)]
    pub(super) first_party_principal: Lenient<FirstParty<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FirstParty<'a> {
    #[serde(default, borrow)]
    pub(super) principal_email: Text<'a>,
}

impl Delegation<'_> {
    pub(super) fn who(&self) -> Option<&str> {
        self.first_party_principal.0.principal_email.filled().or(self.principal_subject.filled())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Authorization<'a> {
    #[serde(default, borrow)]
    pub(super) resource: Text<'a>,
    #[serde(default, borrow)]
    pub(super) permission: Text<'a>,
    #[serde(default, borrow)]
    pub(super) granted: Text<'a>,
    #[serde(default, borrow)]
    pub(super) permission_type: Text<'a>,
    #[serde(default, borrow)]
    pub(super) resource_attributes: Lenient<Attributes<'a>>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Attributes<'a> {
    #[serde(default, borrow)]
    pub(super) service: Text<'a>,
    #[serde(default, borrow)]
    pub(super) name: Text<'a>,
}

impl Entry<'_> {
    /// `projects/ID`, `folders/N`, `organizations/N` or `billingAccounts/ID` the log belongs to.
    pub(super) fn container(&self) -> &str {
        let name = self.log_name.or_empty();
        name.split_once("/logs/").map_or("", |(container, _)| container)
    }

    /// Whether the entry is in the named audit log.
    pub(super) fn in_log(&self, log: &str) -> bool {
        self.log_name
            .or_empty()
            .rsplit_once("cloudaudit.googleapis.com")
            .is_some_and(|(_, tail)| tail.ends_with(log))
    }

    /// The project the entry is about, by id where it is known.
    pub(super) fn project(&self) -> Option<&str> {
        self.resource.0.labels.0.project_id.filled().or_else(|| self.container().strip_prefix("projects/"))
    }
}
