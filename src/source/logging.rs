//! Cloud Logging: audit log entries of a project, folder, organization or billing account by `entries.list`
//! (<https://docs.cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list>). It answers once a second, and for
//! entries of the container itself only, not of what lies below it.

use super::{google, layout};
use crate::config::{Edge, Filter};
use crate::model::time::{Day, Timestamp};
use google_cloud_gax::error::Error;
use google_cloud_logging_v2::client::LoggingServiceV2;
use google_cloud_logging_v2::model::{ListLogEntriesResponse, LogEntry};
use std::collections::HashSet;
use std::time::Duration;

/// Where the API is, in the environment of `gcloud`.
const OVERRIDE: &str = "CLOUDSDK_API_ENDPOINT_OVERRIDES_LOGGING";
/// What an answer holds at most.
const PAGE: i32 = 1000;
/// How often a request is sent before it has failed.
const ATTEMPTS: u32 = 7;
/// The first wait before it is sent again; it doubles.
const WAIT: Duration = Duration::from_millis(250);
/// How long an answer may take.
const SILENCE: Duration = Duration::from_secs(90);
/// What the answer is refused for without.
const NEEDS: &str = "logging.logEntries.list and, for data access logs, logging.privateLogEntries.list (roles/logging.privateLogViewer)";

/// The audit logs of one container, read page by page, the oldest first.
pub(super) struct Logging {
    client: LoggingServiceV2,
    parent: String,
    since: Option<Day>,
    until: Option<Day>,
    /// The question that the token is for.
    asked: String,
    token: String,
    /// The time of the newest entry that was handed over, and the entries of that time.
    reached: Option<(String, HashSet<(String, String)>)>,
    /// Whether the last token had expired, and no page was read since.
    restarted: bool,
    first: Option<ListLogEntriesResponse>,
    done: bool,
}

impl Logging {
    /// Asks for the first page.
    pub(super) async fn open(parent: &str, filter: &Filter) -> Result<Self, String> {
        let endpoint = google::endpoint(OVERRIDE);
        let credentials = google::credentials(endpoint.is_some())?;
        let builder = LoggingServiceV2::builder().with_credentials(credentials);
        let builder = match endpoint {
            Some(endpoint) => builder.with_endpoint(endpoint),
            None => builder,
        };
        let client = builder.build().await.map_err(|error| google::chain(&error))?;
        let mut logging = Self {
            client,
            parent: parent.to_owned(),
            since: None,
            until: None,
            asked: String::new(),
            token: String::new(),
            reached: None,
            restarted: false,
            first: None,
            done: false,
        };
        let newest = if layout::relative(filter) { logging.newest().await? } else { None };
        let day = |edge: Edge| match edge {
            Edge::On(day) => Some(day),
            Edge::Back(days) => newest.map(|newest: Day| Day(newest.0.saturating_sub(days))),
        };
        logging.since = filter.since.and_then(day);
        logging.until = filter.until.and_then(day);
        logging.first = Some(logging.ask().await?);
        Ok(logging)
    }

    /// The day of the newest entry.
    async fn newest(&self) -> Result<Option<Day>, String> {
        let mut token = String::new();
        loop {
            let answer =
                self.send(&self.query(), "timestamp desc", 1, &token).await.map_err(|(why, _)| why)?;
            let newest = answer.entries.first().and_then(|entry| Timestamp::parse(&time(entry)));
            if newest.is_some() || answer.next_page_token.is_empty() {
                return Ok(newest.map(Timestamp::day));
            }
            token = answer.next_page_token;
        }
    }

    /// The filter in Logging's own language: audit logs in the window. A lower end always, as some readers of the API take
    /// a filter without a time for the last day only.
    fn query(&self) -> String {
        let since = self.since.unwrap_or_default().start();
        let reached = self.reached.as_ref().map(|(at, _)| at.clone());
        let mut query = format!(
            "logName:\"/logs/cloudaudit.googleapis.com\" AND timestamp>=\"{}\"",
            reached.unwrap_or_else(|| since.to_string())
        );
        if let Some(until) = self.until {
            query.push_str(" AND timestamp<\"");
            query.push_str(&Day(until.0.saturating_add(1)).start().to_string());
            query.push('"');
        }
        query
    }

    async fn ask(&mut self) -> Result<ListLogEntriesResponse, String> {
        loop {
            // While there is a token, the question must stay the one that it was given for.
            if self.token.is_empty() {
                self.asked = self.query();
            }
            match self.send(&self.asked, "timestamp asc", PAGE, &self.token).await {
                Ok(answer) => {
                    self.restarted = false;
                    return Ok(answer);
                }
                // A token is good for some time only, and a slow reader outlives it.
                Err((_, true)) if !self.token.is_empty() && !self.restarted => {
                    self.token.clear();
                    self.restarted = true;
                }
                Err((why, _)) => return Err(why),
            }
        }
    }

    /// Sends a request until repeating it would not change the answer; whether the token may be the fault.
    async fn send(
        &self,
        query: &str,
        order: &str,
        most: i32,
        token: &str,
    ) -> Result<ListLogEntriesResponse, (String, bool)> {
        let mut wait = WAIT;
        for attempt in 1.. {
            let request = self
                .client
                .list_log_entries()
                .set_resource_names([self.parent.as_str()])
                .set_filter(query)
                .set_order_by(order)
                .set_page_size(most)
                .set_page_token(token);
            let (why, again, expired) = match tokio::time::timeout(SILENCE, request.send()).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => {
                    let status = error.http_status_code();
                    (why(&error), repeats(&error), status == Some(400))
                }
                Err(_) => ("no answer from Cloud Logging; look at the network".to_owned(), true, false),
            };
            if !again || attempt == ATTEMPTS {
                return Err((why, expired));
            }
            tokio::time::sleep(wait).await;
            wait = wait.saturating_mul(2);
        }
        Err((String::new(), false))
    }

    /// The next page as `gcloud logging read --format=json` prints it; none after the last.
    pub(super) async fn page(&mut self) -> Result<Option<Vec<u8>>, String> {
        loop {
            let answer = match self.first.take() {
                Some(answer) => answer,
                None if self.done => return Ok(None),
                None => self.ask().await?,
            };
            self.token = answer.next_page_token;
            self.done = self.token.is_empty();
            let entries = self.fresh(answer.entries);
            if !entries.is_empty() {
                let text = serde_json::to_vec(&entries);
                return text
                    .map(Some)
                    .map_err(|error| format!("an entry cannot be written as JSON: {error}"));
            }
        }
    }

    /// What was not handed over before: after an expired token, the entries of the last moment come again.
    fn fresh(&mut self, entries: Vec<LogEntry>) -> Vec<LogEntry> {
        let mut fresh = Vec::with_capacity(entries.len());
        for entry in entries {
            let id = (entry.log_name.clone(), entry.insert_id.clone());
            let at = time(&entry);
            match &mut self.reached {
                Some((reached, ids)) if *reached == at => {
                    if !ids.insert(id) && !entry.insert_id.is_empty() {
                        continue;
                    }
                }
                reached => *reached = Some((at, HashSet::from([id]))),
            }
            fresh.push(entry);
        }
        fresh
    }
}

/// The time of an entry as the API writes it.
fn time(entry: &LogEntry) -> String {
    entry.timestamp.map(String::from).unwrap_or_default()
}

/// Whether the same request may be answered when it is sent again.
fn repeats(error: &Error) -> bool {
    match error.http_status_code() {
        Some(status) => matches!(status, 408 | 429 | 500..),
        None => !error.is_authentication() && !error.is_serialization() && !error.is_binding(),
    }
}

fn why(error: &Error) -> String {
    if error.is_authentication() {
        return google::unauthenticated(error);
    }
    let Some(status) = error.http_status_code() else {
        return format!("no answer; look at the network and {OVERRIDE}: {}", google::chain(error));
    };
    let said = error.status().map(|status| status.message.clone());
    let said = said.or_else(|| error.http_payload().map(|body| google::said(body))).unwrap_or_default();
    google::refusal(status, &said, NEEDS)
}
