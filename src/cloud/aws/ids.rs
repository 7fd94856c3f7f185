//! Ids in requests that no use names: instances that a list asks for, targets of a load balancer, what a service ends by
//! itself. They are somebody's, and speak against patterns (semantics rule 13).

use super::record::Record;
use crate::catalog;
use crate::catalog::template::{ACCOUNT, PARTITION, REGION};
use crate::cloud::Sink;
use crate::wire::sketch::may_be_id;
use std::borrow::Cow;

/// The resource type of EC2 that an id is of.
pub(super) fn kind(id: &str) -> Option<&'static str> {
    // Every prefix ends in a dash, and what is made behind it has none.
    let dash = id.rfind('-').filter(|_| may_be_id(id))?;
    catalog::aws().ids.get(id.get(..=dash)?).map(String::as_str)
}

/// Tells the names of all ids in the request.
pub(super) fn tell(record: &Record<'_>, sink: &mut dyn Sink) {
    let Some(request) = record.request_parameters else { return };
    // An id holds no quote and nothing that is escaped: between two quotes it stands as it is.
    for id in request.get().split('"').filter(|text| may_be_id(text)) {
        record.asked.mark_in(request.get(), id);
        if let Some(name) = kind(id).and_then(|kind| name(record, kind, id)) {
            sink.stands("aws", &name);
        }
    }
}

fn name(record: &Record<'_>, kind: &str, id: &str) -> Option<String> {
    let service = catalog::aws().table.service("ec2")?;
    let template = service.resource(kind)?.templates.first()?;
    template.fill(|var| match var {
        PARTITION => Some(Cow::Borrowed(record.partition())),
        REGION => record.aws_region.filled().map(Cow::Borrowed),
        ACCOUNT => Some(record.account()).filter(|account| !account.is_empty()).map(Cow::Borrowed),
        _ => Some(Cow::Borrowed(id)),
    })
}
