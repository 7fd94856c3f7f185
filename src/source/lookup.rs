//! CloudTrail's event history: LookupEvents of one region. It reaches 90 days back, knows management events only, hands
//! out 50 events an answer, the newest first, and answers twice a second
//! (<https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>).

use super::aws::{self, Doing};
use super::layout;
use crate::config::{Edge, Filter};
use crate::model::time::{Day, Timestamp};
use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::operation::lookup_events::LookupEventsOutput;
use aws_sdk_cloudtrail::types::{Event, LookupAttribute, LookupAttributeKey};
use aws_smithy_types::DateTime;
use serde_json::json;
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// What one account may ask in one region.
const PACE: Duration = Duration::from_millis(500);
/// What an answer holds at most.
const PAGE: i32 = 50;

/// The event history of a region, read page by page.
pub(super) struct Lookup {
    client: Client,
    pace: Interval,
    /// Whose events are asked for, one after the other; one that is none: everybody's.
    users: Vec<Option<String>>,
    since: Option<Edge>,
    until: Option<Edge>,
    /// The time of the newest event, which `90d` counts back from.
    newest: Option<Day>,
    /// Up to when the events are asked for.
    end: Option<DateTime>,
    /// Where the next page starts.
    token: Option<String>,
    /// The time of the oldest event that was handed over, and the events of that second.
    reached: Option<(i64, HashSet<String>)>,
    /// Whether the last token had expired, and no page was read since.
    restarted: bool,
    first: Option<LookupEventsOutput>,
}

impl Lookup {
    /// Asks for the first page.
    pub(super) async fn open(region: &str, filter: &Filter) -> Result<Self, String> {
        let config = aws::config(Some(region)).await;
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut users: Vec<Option<String>> = users(filter).into_iter().map(Some).collect();
        if users.is_empty() {
            users.push(None);
        }
        let mut lookup = Self {
            client: Client::new(&config),
            pace,
            users,
            since: filter.since,
            until: filter.until,
            newest: None,
            end: None,
            token: None,
            reached: None,
            restarted: false,
            first: None,
        };
        if layout::relative(filter) {
            lookup.newest = lookup.newest().await?;
        }
        lookup.first = Some(lookup.ask().await?);
        Ok(lookup)
    }

    /// The day of the newest event of all.
    async fn newest(&mut self) -> Result<Option<Day>, String> {
        self.pace.tick().await;
        let answer = self.client.lookup_events().max_results(1).send().await;
        let answer = answer.map_err(|error| aws::why(&error, Doing::Lookup))?;
        let newest = answer.events().first().and_then(Event::event_time);
        Ok(newest.map(|at| Timestamp(at.secs().saturating_mul(1_000_000)).day()))
    }

    async fn ask(&mut self) -> Result<LookupEventsOutput, String> {
        loop {
            self.pace.tick().await;
            let start = self.since.and_then(|edge| self.edge(edge)).map(|day| moment(day.start()));
            // A token is for the question that it answered; after an expired one: from the oldest event on that is here.
            if self.token.is_none() {
                let until =
                    self.until.and_then(|edge| self.edge(edge)).map(|day| Day(day.0.saturating_add(1)));
                let reached = self.reached.as_ref().map(|(at, _)| DateTime::from_secs(*at));
                self.end = reached.or(until.map(|day| moment(day.start())));
            }
            let user = self.users.last().cloned().flatten().and_then(|user| {
                let attribute = LookupAttribute::builder().attribute_key(LookupAttributeKey::Username);
                attribute.attribute_value(user).build().ok()
            });
            let request = self
                .client
                .lookup_events()
                .max_results(PAGE)
                .set_start_time(start)
                .set_end_time(self.end)
                .set_lookup_attributes(user.map(|user| vec![user]))
                .set_next_token(self.token.clone());
            match request.send().await {
                Ok(answer) => {
                    self.restarted = false;
                    return Ok(answer);
                }
                // A token is good for some time only, and a slow reader outlives it.
                Err(error)
                    if !self.restarted
                        && self.token.is_some()
                        && aws::code(&error) == "InvalidNextTokenException" =>
                {
                    self.token = None;
                    self.restarted = true;
                }
                Err(error) => return Err(aws::why(&error, Doing::Lookup)),
            }
        }
    }

    fn edge(&self, edge: Edge) -> Option<Day> {
        match edge {
            Edge::On(day) => Some(day),
            Edge::Back(days) => self.newest.map(|newest| Day(newest.0.saturating_sub(days))),
        }
    }

    /// The next page as `aws cloudtrail lookup-events` prints it; none after the last.
    pub(super) async fn page(&mut self) -> Result<Option<Vec<u8>>, String> {
        loop {
            let answer = match self.first.take() {
                Some(answer) => answer,
                None if self.users.is_empty() => return Ok(None),
                None => self.ask().await?,
            };
            self.token = answer.next_token.filter(|token| !token.is_empty());
            let events: Vec<Event> = self.fresh(answer.events.unwrap_or_default());
            if self.token.is_none() {
                self.users.pop();
                self.reached = None;
            }
            if !events.is_empty() {
                let events: Vec<_> = events
                    .iter()
                    .map(|e| json!({"EventId": e.event_id, "CloudTrailEvent": e.cloud_trail_event}))
                    .collect();
                return Ok(Some(json!({ "Events": events }).to_string().into_bytes()));
            }
        }
    }

    /// What was not handed over before: after an expired token, the events of its second come again.
    fn fresh(&mut self, events: Vec<Event>) -> Vec<Event> {
        let mut fresh = Vec::with_capacity(events.len());
        for event in events {
            let (Some(at), Some(id)) = (event.event_time.map(|at| at.secs()), event.event_id.clone()) else {
                fresh.push(event);
                continue;
            };
            match &mut self.reached {
                Some((reached, _)) if *reached < at => {}
                Some((reached, ids)) if *reached == at => {
                    if !ids.insert(id) {
                        continue;
                    }
                }
                reached => *reached = Some((at, HashSet::from([id]))),
            }
            fresh.push(event);
        }
        fresh
    }
}

/// The users that alone are asked for, where that is all: their names are what LookupEvents can look for. Sessions of
/// roles carry names of their own, so that roles need everything.
pub(super) fn users(filter: &Filter) -> Vec<String> {
    let user = |glob: &String| {
        let literal = !glob.contains(['*', '?', '[', ']', '{', '}', '\\']);
        let path = glob.strip_prefix("arn:")?.split_once(":iam::")?.1.split_once(":user/")?.1;
        path.rsplit('/').next().filter(|name| literal && !name.is_empty()).map(str::to_owned)
    };
    filter.globs.iter().map(user).collect::<Option<Vec<String>>>().unwrap_or_default()
}

fn moment(at: Timestamp) -> DateTime {
    DateTime::from_secs(at.0.div_euclid(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_for_users_where_nothing_else_is_asked_for() {
        let of = |globs: &[&str]| {
            users(&Filter {
                globs: globs.iter().map(|glob| (*glob).to_owned()).collect(),
                ..Filter::default()
            })
        };
        assert_eq!(of(&["arn:aws:iam::111122223333:user/team/alice"]), ["alice"]);
        assert!(of(&[]).is_empty() && of(&["*user/alice"]).is_empty());
        assert!(of(&["arn:aws:iam::111122223333:user/al*"]).is_empty());
        assert!(of(&["arn:aws:iam::111122223333:user/a", "arn:aws:iam::111122223333:role/b"]).is_empty());
    }
}
