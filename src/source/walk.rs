//! Lists a bucket: only what the layout says may be wanted, several folders at a time.

use super::bucket::{Bucket, Listed, Query};
use super::feed::Meter;
use super::layout::{self, Kind, Level, Scope};
use crate::config::Filter;
use crate::model::time::Day;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;

/// Folders that are listed at the same time.
const AT_ONCE: usize = 8;
/// Pages of objects without a date that are looked through for layouts behind them.
const PAGES_BETWEEN: u32 = 20;
/// What comes after all keys that begin with a folder.
const LAST: char = '\u{10ffff}';

/// A place in a bucket, and what is wanted of it.
pub(super) struct Walk {
    pub(super) bucket: Bucket,
    /// The input, for messages.
    pub(super) input: String,
    root: Root,
    scope: Scope,
    meter: Arc<Meter>,
    /// Objects that were seen, of any kind.
    seen: AtomicU64,
    /// Objects that were handed over.
    offered: AtomicU64,
}

/// What the input leads to.
enum Root {
    /// All that lies in a folder; empty, or with its `/`.
    Folder(String),
    /// One object.
    Object(Listed),
}

/// What could not be listed, and why.
pub(super) type Problem = (String, String);

impl Walk {
    /// Looks at what a prefix leads to.
    ///
    /// # Errors
    /// When it cannot be listed or leads nowhere.
    pub(super) async fn open(
        bucket: Bucket,
        input: &str,
        prefix: &str,
        filter: &Filter,
        meter: &Arc<Meter>,
    ) -> Result<Self, String> {
        let folder =
            if prefix.is_empty() || prefix.ends_with('/') { prefix.to_owned() } else { format!("{prefix}/") };
        let first = |prefix: &str| Query { prefix: prefix.to_owned(), most: Some(1), ..Query::default() };
        let below = bucket.page(&first(&folder)).await?;
        let root = if !below.objects.is_empty() || below.next.is_some() {
            Root::Folder(folder)
        } else {
            let like = bucket.page(&first(prefix)).await?;
            match like.objects.into_iter().next() {
                Some(listed) if listed.key == prefix => Root::Object(listed),
                Some(listed) if !prefix.is_empty() => {
                    return Err(format!(
                        "holds no logs: a prefix ends where a folder ends, and keys that begin like it go on as `{}`",
                        listed.key
                    ));
                }
                _ => {
                    return Err(
                        "holds no logs: there is no object; look at the bucket and the prefix".to_owned()
                    );
                }
            }
        };
        let scope = Scope::new(filter, None);
        let input = input.to_owned();
        let mut walk = Self {
            bucket,
            input,
            root,
            scope,
            meter: Arc::clone(meter),
            seen: AtomicU64::new(0),
            offered: AtomicU64::new(0),
        };
        if layout::relative(filter) {
            walk.scope = Scope::new(filter, walk.newest().await?);
        }
        Ok(walk)
    }

    /// Hands over what is wanted; what could not be listed is told apart.
    pub(super) async fn list(self: Arc<Self>, out: Sender<(Arc<Self>, Listed)>) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut folders = Vec::new();
        match &self.root {
            Root::Folder(folder) => folders.push(folder.clone()),
            Root::Object(listed) => {
                self.offered.fetch_add(1, Ordering::Relaxed);
                // Nobody wants it any more when this fails.
                let _ = out.send((Arc::clone(&self), listed.clone())).await;
            }
        }
        let mut running = JoinSet::new();
        loop {
            while running.len() < AT_ONCE
                && let Some(folder) = folders.pop()
            {
                let (walk, out) = (Arc::clone(&self), out.clone());
                running.spawn(async move {
                    let result = walk.folder(&folder, &out).await;
                    (folder, result)
                });
            }
            match running.join_next().await {
                None => return problems,
                Some(Ok((_, Ok(more)))) => folders.extend(more),
                Some(Ok((folder, Err(why)))) => problems.push((self.bucket.uri(&folder), why)),
                Some(Err(error)) => {
                    problems.push((self.input.clone(), format!("listing broke down: {error}")))
                }
            }
        }
    }

    /// What is to be said where objects lie there, but none of them was handed over.
    pub(super) fn without_logs(&self) -> Option<String> {
        let seen = self.seen.load(Ordering::Relaxed);
        (self.offered.load(Ordering::Relaxed) == 0).then(|| {
            format!(
                "`{}`: {seen} objects were listed, and none is a log of the window, accounts and regions asked for",
                self.input
            )
        })
    }

    /// Lists a folder; what is to be listed of the folders below is the answer.
    async fn folder(
        self: &Arc<Self>,
        folder: &str,
        out: &Sender<(Arc<Self>, Listed)>,
    ) -> Result<Vec<String>, String> {
        let level = layout::level(folder);
        match level {
            Level::Accounts | Level::Services | Level::Logs => self.shallow(folder, level, out).await,
            Level::Regions if self.scope.narrows_regions() => self.shallow(folder, level, out).await,
            Level::Years => self.years(folder, out).await.map(|()| Vec::new()),
            Level::Unknown => self.unknown(folder, out).await,
            Level::Regions | Level::Dated => {
                let query = Query { prefix: folder.to_owned(), ..Query::default() };
                self.all(query, out).await.map(|()| Vec::new())
            }
            Level::Not => Ok(Vec::new()),
        }
    }

    /// The folders of a level of the layout, those that may be wanted.
    async fn shallow(
        self: &Arc<Self>,
        folder: &str,
        level: Level,
        out: &Sender<(Arc<Self>, Listed)>,
    ) -> Result<Vec<String>, String> {
        let mut query = Query { prefix: folder.to_owned(), shallow: true, ..Query::default() };
        let mut wanted = Vec::new();
        loop {
            let page = self.bucket.page(&query).await?;
            for listed in page.objects {
                self.offer(listed, out).await?;
            }
            for below in page.folders {
                let name = below.strip_prefix(folder).unwrap_or(&below).trim_end_matches('/').to_owned();
                if self.scope.enters(level, &name) {
                    wanted.push(below);
                } else if level == Level::Services {
                    self.meter.pass_over(&format!("{name} logs"));
                }
            }
            query.token = page.next;
            if query.token.is_none() {
                return Ok(wanted);
            }
        }
    }

    /// A folder of years, from the first day that is wanted to the last.
    async fn years(self: &Arc<Self>, folder: &str, out: &Sender<(Arc<Self>, Listed)>) -> Result<(), String> {
        let (prefix, after) = layout::range(folder, self.scope.days);
        self.all(Query { prefix, after, ..Query::default() }, out).await
    }

    async fn all(
        self: &Arc<Self>,
        mut query: Query,
        out: &Sender<(Arc<Self>, Listed)>,
    ) -> Result<(), String> {
        loop {
            let page = self.bucket.page(&query).await?;
            let past = page.objects.last().is_some_and(|last| layout::past(&last.key, self.scope.days));
            // Below `CloudTrail/` the next region follows, so only a folder of years ends here.
            let ends = past && layout::level(&query.prefix) != Level::Regions;
            for listed in page.objects {
                self.offer(listed, out).await?;
            }
            query.token = page.next;
            if ends || query.token.is_none() {
                return Ok(());
            }
        }
    }

    /// A folder that is part of no layout: everything below, but where a layout begins its own way is taken.
    async fn unknown(
        self: &Arc<Self>,
        folder: &str,
        out: &Sender<(Arc<Self>, Listed)>,
    ) -> Result<Vec<String>, String> {
        let mut query = Query { prefix: folder.to_owned(), ..Query::default() };
        let mut found = Vec::new();
        'pages: loop {
            let page = self.bucket.page(&query).await?;
            for listed in page.objects {
                if let Some(begins) = layout::begins(&listed.key, folder.len()) {
                    query.after = Some(format!("{begins}{LAST}"));
                    query.token = None;
                    found.push(begins.to_owned());
                    continue 'pages;
                }
                self.offer(listed, out).await?;
            }
            query.token = page.next;
            if query.token.is_none() {
                return Ok(found);
            }
        }
    }

    async fn offer(
        self: &Arc<Self>,
        listed: Listed,
        out: &Sender<(Arc<Self>, Listed)>,
    ) -> Result<(), String> {
        self.seen.fetch_add(1, Ordering::Relaxed);
        match layout::kind(&listed.key) {
            Kind::Folder => return Ok(()),
            Kind::Digest => self.meter.pass_over("digest objects"),
            Kind::Insight => self.meter.pass_over("insight objects"),
            Kind::Other => self.meter.pass_over("objects of other logs"),
            Kind::Log if self.scope.takes(&listed.key) => {
                self.offered.fetch_add(1, Ordering::Relaxed);
                let gone = |_| "reading was stopped".to_owned();
                return out.send((Arc::clone(self), listed)).await.map_err(gone);
            }
            Kind::Log => {}
        }
        Ok(())
    }

    /// The day of the newest object in all folders of years; none where no layout says days.
    async fn newest(&self) -> Result<Option<Day>, String> {
        let Root::Folder(root) = &self.root else { return Ok(None) };
        let mut folders = vec![root.clone()];
        let mut newest = None;
        while let Some(folder) = folders.pop() {
            match layout::level(&folder) {
                Level::Accounts | Level::Services | Level::Regions | Level::Logs => {
                    let level = layout::level(&folder);
                    let below = self.below(&folder).await?;
                    folders.extend(below.into_iter().filter(|below| {
                        let name = below.strip_prefix(&folder).unwrap_or(below).trim_end_matches('/');
                        self.scope.enters(level, name)
                    }));
                }
                Level::Years => newest = newest.max(self.last_day(&folder).await?),
                Level::Unknown => match self.layouts(&folder).await? {
                    Some(found) => folders.extend(found),
                    None => return Ok(None),
                },
                // A part of a date was asked for: that is the window, and the filters cut what it holds.
                Level::Dated => return Ok(None),
                Level::Not => {}
            }
        }
        Ok(newest)
    }

    /// Where the layouts below a folder begin; none where too much lies between them.
    async fn layouts(&self, folder: &str) -> Result<Option<Vec<String>>, String> {
        let mut query = Query { prefix: folder.to_owned(), ..Query::default() };
        let mut found = Vec::new();
        let mut between = 0;
        loop {
            let page = self.bucket.page(&query).await?;
            let begins = page.objects.iter().find_map(|listed| layout::begins(&listed.key, folder.len()));
            if let Some(begins) = begins {
                query.after = Some(format!("{begins}{LAST}"));
                query.token = None;
                found.push(begins.to_owned());
                continue;
            }
            between += 1;
            query.token = page.next;
            match query.token {
                None => return Ok(Some(found)),
                Some(_) if between > PAGES_BETWEEN => return Ok(None),
                Some(_) => {}
            }
        }
    }

    async fn below(&self, folder: &str) -> Result<Vec<String>, String> {
        let mut query = Query { prefix: folder.to_owned(), shallow: true, ..Query::default() };
        let mut all = Vec::new();
        loop {
            let page = self.bucket.page(&query).await?;
            all.extend(page.folders);
            query.token = page.next;
            if query.token.is_none() {
                return Ok(all);
            }
        }
    }

    /// The last of the days below a folder of years.
    async fn last_day(&self, years: &str) -> Result<Option<Day>, String> {
        let mut folder = years.to_owned();
        for _ in 0..3 {
            match self.below(&folder).await?.into_iter().max() {
                Some(last) => folder = last,
                None => return Ok(None),
            }
        }
        Ok(layout::Place::of(&format!("{folder}x")).day)
    }
}
