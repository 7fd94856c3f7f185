//! An object that is too long to be held: its bytes come through a bounded channel while they are read.

use super::bucket::{Body, Bucket, Listed};
use super::object::Failure;
use std::io::{Error, Read};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Parts that may wait; a part is what comes at once from the network.
const WAITING: usize = 64;
/// Bytes that a flow is counted with among those in flight.
pub(super) const SHARE: u64 = 8 << 20;
/// How often it goes on where the connection was cut, without a byte in between.
const ATTEMPTS: u32 = 5;

/// Part of an object; an empty one is its end.
type Part = Result<Vec<u8>, String>;

/// The end that is read.
#[derive(Debug)]
pub(super) struct Flow {
    parts: Receiver<Part>,
    part: Vec<u8>,
    at: usize,
    ended: bool,
    failure: Failure,
}

/// The end that is written.
pub(super) struct Source(Sender<Part>);

/// Both ends.
pub(super) fn flow() -> (Source, Flow) {
    let (to, parts) = channel(WAITING);
    (Source(to), Flow { parts, part: Vec::new(), at: 0, ended: false, failure: Failure::default() })
}

impl Flow {
    /// Where it is told why it ended early.
    pub(super) fn failure(&self) -> Failure {
        Arc::clone(&self.failure)
    }
}

impl Read for Flow {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        while self.at == self.part.len() && !self.ended {
            let part = self.parts.blocking_recv();
            let why = match part {
                Some(Ok(part)) => {
                    self.ended = part.is_empty();
                    (self.part, self.at) = (part, 0);
                    continue;
                }
                Some(Err(why)) => why,
                None => "reading was stopped before its end".to_owned(),
            };
            self.ended = true;
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.clone());
            return Err(Error::other(why));
        }
        let rest = self.part.get(self.at..).unwrap_or_default();
        let many = rest.len().min(to.len());
        if let (Some(to), Some(rest)) = (to.get_mut(..many), rest.get(..many)) {
            to.copy_from_slice(rest);
        }
        self.at += many;
        Ok(many)
    }
}

impl Source {
    /// Hands over everything; where the connection is cut, it goes on from there.
    pub(super) async fn pump(self, bucket: &Bucket, listed: &Listed, mut body: Body) {
        let (mut done, mut attempt) = (0u64, 0);
        loop {
            let why = match body.part().await {
                Ok(Some(part)) if part.is_empty() => continue,
                Ok(Some(part)) => {
                    (done, attempt) = (done + part.len() as u64, 0);
                    if self.0.send(Ok(part)).await.is_err() {
                        return;
                    }
                    continue;
                }
                Ok(None) if body.size.is_none_or(|size| done >= size) => {
                    // Nobody wants it any more when this fails.
                    let _ = self.0.send(Ok(Vec::new())).await;
                    return;
                }
                Ok(None) => "it ended early".to_owned(),
                Err(why) => why,
            };
            attempt += 1;
            let next = if attempt == ATTEMPTS {
                Err(format!("the connection was cut several times: {why}"))
            } else {
                tokio::time::sleep(Duration::from_millis(100 << attempt)).await;
                bucket.begin(listed, done, body.version.as_deref()).await
            };
            match next {
                Ok(next) => body.go_on(next),
                Err(why) => {
                    let _ = self.0.send(Err(why)).await;
                    return;
                }
            }
        }
    }
}
