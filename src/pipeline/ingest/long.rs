//! Objects that are too long to be held: kept as a whole or not at all, though what is learned leaves the memory before
//! their end.

use super::Run;
use super::listing::place;
use super::step::{Full, Pool, REMEMBERED, Step};
use crate::aggregate::store::{Batch, Identity, Known, Objects, Read, Recorder, Sealed, Span};
use crate::model::tally::Unreadable;
use crate::pipeline::ReadError;
use crate::pipeline::work::{Ended, Long, Part, Work};
use crate::source::Feed;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Bytes of text after which what was learned leaves the memory.
const STEP_BYTES: u64 = 128 << 20;

/// One thread's part of a step.
struct Worker {
    recorder: Recorder,
    ended: Option<Ended>,
}

impl Run<'_> {
    /// Reads something long; `again` are the segments that are read again, and how what is learned counts.
    pub(super) fn long(
        &mut self,
        (work, feed, pool): (&Work<'_>, &Feed, &Pool),
        objects: &Objects,
        known: &mut Arc<Known>,
        (without, how): (&BTreeSet<u64>, Sealed),
    ) -> Result<Step, ReadError> {
        let Some(long) = work.first() else { return Ok(Step::default()) };
        let group = self.store.next_number();
        let (records, mut remembered, mut span, mut parts) = (self.out.records, 0, Span::default(), 0);
        loop {
            let full = Full::default();
            let workers = pool.all(|| self.pieces(work, &long, known, &full));
            let mut batch = Batch { group: Some(group), ..Batch::default() };
            let mut ended = None;
            for mut worker in workers {
                span = span.and(worker.recorder.end());
                self.out.records += worker.recorder.records() as u64;
                remembered += worker.recorder.records();
                batch.recorders.push(worker.recorder);
                ended = ended.or(worker.ended);
            }
            let kept = match ended {
                None if feed.stopped() => Some(Err(None)),
                None => None,
                Some(ended) => Some(self.kept(&long, &ended, objects, &mut batch, span)),
            };
            let step = match kept {
                Some(Err(failed)) => {
                    // What was learned of it must not be known.
                    self.store.drop_group(group);
                    *known = Arc::new(self.store.known(without));
                    self.out.records = records;
                    let failed = failed.map(|(path, why)| self.failed(path, why));
                    return Ok(Step { failed: failed.map_or(0, |()| 1), ..Step::default() });
                }
                Some(Ok(())) => Some(Step::default()),
                None => None,
            };
            if step.is_some() && parts == 0 {
                batch.group = None;
            }
            self.store.seal(batch, known, &self.rules.intent, how)?;
            (self.dirty, parts) = (true, parts + 1);
            if let Some(step) = step {
                self.out.objects += 1;
                return Ok(step);
            }
            if remembered > REMEMBERED {
                *known = Arc::new(self.store.known(without));
                remembered = 0;
            }
        }
    }

    /// Decodes pieces until a step is full.
    fn pieces(&self, work: &Work<'_>, long: &Arc<Long>, known: &Arc<Known>, full: &Full) -> Worker {
        let mut recorder = self.recorder(known);
        let mut ended = None;
        while ended.is_none() && !full.is(STEP_BYTES, self.ingest.step) {
            ended = match work.part(long) {
                None => break,
                Some(Part::Ended(ended)) => Some(ended),
                Some(Part::Piece(piece)) => {
                    full.add(piece.text.len() as u64);
                    recorder.go_on(counts_copies(long), piece.text.len() as u64);
                    long.decode(&piece, &mut recorder)
                }
            };
        }
        recorder.forget_likes();
        Worker { recorder, ended }
    }

    /// Adds what was read to the last of its parts; otherwise what it is missing for, if it is.
    fn kept(
        &mut self,
        long: &Long,
        ended: &Ended,
        objects: &Objects,
        batch: &mut Batch,
        span: Span,
    ) -> Result<(), Option<(String, String)>> {
        let object = &long.object;
        self.ingest.meter.finish(object.size);
        if let Some(why) = &ended.failure {
            return Err(Some((object.uri.clone(), why.clone())));
        }
        let uri = place(&object.uri);
        let version = object.version.clone().unwrap_or_else(|| Identity::of_content(ended.hash));
        if object.version.is_none() && objects.holds(Identity::of(&uri, object.size, &version)) {
            return Err(None);
        }
        if let Some(recorder) = batch.recorders.first_mut() {
            recorder.begin(counts_copies(long), 0);
            if let Some(why) = ended.tell(recorder) {
                recorder.fault(object.uri.clone(), why);
            }
            self.out.unreadable.extend(recorder.unreadable().iter().cloned());
        }
        self.dirty |= self.store.found(&object.uri, &uri);
        batch.objects.push(Read { uri, size: object.size, version, span });
        Ok(())
    }

    fn failed(&mut self, path: String, why: String) {
        self.dirty |= self.store.missing().insert(path.clone(), why.clone()).as_ref() != Some(&why);
        self.out.unreadable.push(Unreadable { path, why });
    }
}

/// The pages of an API overlap from run to run, a pipe is read once.
fn counts_copies(long: &Long) -> bool {
    long.object.version.is_some() || long.object.uri == "-"
}
