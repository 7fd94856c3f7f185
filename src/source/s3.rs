//! Buckets of Amazon S3.

use super::aws::{self, Doing};
use super::bucket::{Answer, Body, Got, Listed, Page, Query};
use crate::model::time::Timestamp;
use aws_sdk_s3::Client;
use aws_sdk_s3::types::RequestPayer;
use std::time::Duration;

/// How often the bytes of an object are asked for when connections are cut.
const ATTEMPTS: u32 = 5;

/// A bucket, and how it is asked.
pub(super) struct Bucket {
    client: Client,
    pub(super) name: String,
    pays: Option<RequestPayer>,
}

impl Bucket {
    /// Finds out where the bucket is, and whether it may be listed.
    pub(super) async fn open(name: &str, requester_pays: bool) -> Result<Self, String> {
        let pays = requester_pays.then_some(RequestPayer::Requester);
        let bucket = Self { client: client(None).await, name: name.to_owned(), pays };
        let first = bucket.client.list_objects_v2().bucket(name).max_keys(1);
        let Err(error) = first.set_request_payer(bucket.pays.clone()).send().await else { return Ok(bucket) };
        // A bucket of another region answers with its own.
        let region = error.raw_response().and_then(|answer| answer.headers().get("x-amz-bucket-region"));
        let elsewhere =
            ["PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"];
        let moved = elsewhere.contains(&aws::code(&error))
            || error.raw_response().is_some_and(|answer| answer.status().as_u16() == 301);
        match region {
            Some(region) if moved => Ok(Self { client: client(Some(region)).await, ..bucket }),
            // What is asked for may lie below a prefix that alone may be listed: the next question tells.
            _ if aws::code(&error) == "AccessDenied" => Ok(bucket),
            _ => Err(aws::why(&error, Doing::List)),
        }
    }

    /// One page.
    pub(super) async fn page(&self, query: &Query) -> Result<Page, String> {
        let request = self
            .client
            .list_objects_v2()
            .bucket(&self.name)
            .prefix(&query.prefix)
            .set_delimiter(query.shallow.then(|| "/".to_owned()))
            .set_start_after(query.after.clone())
            .set_max_keys(query.most.map(i32::from))
            .set_continuation_token(query.token.clone())
            .set_request_payer(self.pays.clone());
        let answer = request.send().await.map_err(|error| aws::why(&error, Doing::List))?;
        let next = answer.next_continuation_token.filter(|_| answer.is_truncated == Some(true));
        let objects = answer.contents.unwrap_or_default().into_iter().filter_map(|object| {
            let modified = object.last_modified.and_then(|at| i64::try_from(at.as_nanos() / 1000).ok());
            Some(Listed {
                key: object.key?,
                size: object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
                version: object.e_tag,
                modified: modified.map_or(Timestamp::UNKNOWN, Timestamp),
            })
        });
        let folders =
            answer.common_prefixes.unwrap_or_default().into_iter().filter_map(|folder| folder.prefix);
        Ok(Page { objects: objects.collect(), folders: folders.collect(), next })
    }

    /// The bytes of an object.
    pub(super) async fn get(&self, listed: &Listed) -> Result<Got, String> {
        let mut attempt = 1;
        loop {
            match self.once(listed).await {
                Ok(got) => return Ok(got),
                Err((why, true)) if attempt == ATTEMPTS => return Err(why),
                Err((why, false)) => return Err(why),
                Err(_) => tokio::time::sleep(Duration::from_millis(100 << attempt)).await,
            }
            attempt += 1;
        }
    }

    /// The bytes of an object from one on, as they come.
    pub(super) async fn begin(
        &self,
        listed: &Listed,
        from: u64,
        version: Option<&str>,
    ) -> Result<Body, String> {
        let request = self.client.get_object().bucket(&self.name).key(&listed.key);
        let request = request
            .set_request_payer(self.pays.clone())
            .set_if_match(version.map(str::to_owned))
            .set_range((from > 0).then(|| format!("bytes={from}-")));
        let answer = request.send().await.map_err(|error| aws::why(&error, Doing::Get))?;
        // Not every server knows ranges.
        let skip = if answer.content_range.is_none() { from } else { 0 };
        let size = answer.content_length.and_then(|length| u64::try_from(length).ok());
        Ok(Body::new(Answer::S3(answer.body), size, answer.e_tag, skip))
    }

    /// One attempt; the client itself has retried what was refused, but not bytes that were cut.
    async fn once(&self, listed: &Listed) -> Result<Got, (String, bool)> {
        let request = self.client.get_object().bucket(&self.name).key(&listed.key);
        let request = request.set_request_payer(self.pays.clone());
        let answer = request.send().await.map_err(|error| (aws::why(&error, Doing::Get), false))?;
        let mut body = answer.body;
        let mut bytes = Vec::with_capacity(usize::try_from(listed.size).unwrap_or(0));
        while let Some(part) = body.next().await {
            let part =
                part.map_err(|error| (format!("the connection was cut several times: {error}"), true))?;
            bytes.extend_from_slice(&part);
        }
        let whole = answer.content_length.and_then(|length| usize::try_from(length).ok());
        if whole.is_some_and(|whole| whole != bytes.len()) {
            return Err(("the connection was cut several times".to_owned(), true));
        }
        Ok(Got { bytes, version: answer.e_tag })
    }
}

/// A client; path-style addresses where an endpoint is set, as what stands there seldom answers to other names.
async fn client(region: Option<&str>) -> Client {
    let config = aws::config(region).await;
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let path_style = set("AWS_ENDPOINT_URL_S3") || config.endpoint_url().is_some();
    let config = aws_sdk_s3::config::Builder::from(&config).force_path_style(path_style).build();
    Client::from_conf(config)
}
