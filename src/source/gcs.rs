//! Buckets of Cloud Storage, by its JSON API (<https://docs.cloud.google.com/storage/docs/json_api/v1/objects>).

use super::bucket::{Answer, Body, Got, Listed, Page, Query};
use super::google;
use crate::model::time::Timestamp;
use google_cloud_auth::credentials::{CacheableResource, Credentials};
use http::Extensions;
use reqwest::{Client, Response, Url};
use serde::Deserialize;
use std::time::Duration;

/// Where the API is, unless STORAGE_EMULATOR_HOST says otherwise.
const HOST: &str = "https://storage.googleapis.com";
/// How often a request is sent before it has failed.
const ATTEMPTS: u32 = 6;
/// How long an answer may be silent.
const SILENCE: Duration = Duration::from_secs(60);

/// What reading an object needs.
const GET: &str = "storage.objects.get on the objects";

/// A bucket, and how it is asked.
pub(super) struct Bucket {
    client: Client,
    credentials: Credentials,
    host: String,
    pub(super) name: String,
    /// The project that pays.
    payer: Option<String>,
}

/// A page of a list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Objects {
    items: Vec<Item>,
    prefixes: Vec<String>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    name: String,
    #[serde(default, deserialize_with = "number")]
    size: u64,
    #[serde(default, deserialize_with = "text")]
    generation: Option<String>,
    #[serde(default)]
    updated: Option<String>,
}

/// Numbers are strings in this API, and numbers in some that speak like it.
fn text<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    Ok(value.as_str().map(str::to_owned).or_else(|| value.as_u64().map(|n| n.to_string())))
}

fn number<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    Ok(text(from)?.and_then(|text| text.parse().ok()).unwrap_or(0))
}

impl Bucket {
    /// Finds credentials and the endpoint.
    pub(super) fn open(name: &str, requester_pays: bool) -> Result<Self, String> {
        let host = google::endpoint("STORAGE_EMULATOR_HOST");
        let credentials = google::credentials(host.is_some())?;
        let project = |name: &str| std::env::var(name).ok().filter(|project| !project.is_empty());
        let payer = project("GOOGLE_CLOUD_QUOTA_PROJECT").or_else(|| project("GOOGLE_CLOUD_PROJECT"));
        if requester_pays && payer.is_none() {
            return Err("`--requester-pays` needs the project that pays: set GOOGLE_CLOUD_PROJECT".to_owned());
        }
        let client =
            Client::builder().read_timeout(SILENCE).build().map_err(|error| google::chain(&error))?;
        let host = host.unwrap_or_else(|| HOST.to_owned());
        let payer = payer.filter(|_| requester_pays);
        Ok(Self { client, credentials, host, name: name.to_owned(), payer })
    }

    /// One page.
    pub(super) async fn page(&self, query: &Query) -> Result<Page, String> {
        let mut url = self.url(None)?;
        {
            let mut pairs = url.query_pairs_mut();
            pairs.append_pair("fields", "items(name,size,generation,updated),prefixes,nextPageToken");
            let most = query.most.map(|most| most.to_string());
            let optional = [
                ("prefix", Some(&query.prefix).filter(|prefix| !prefix.is_empty())),
                ("startOffset", query.after.as_ref()),
                ("maxResults", most.as_ref()),
                ("pageToken", query.token.as_ref()),
            ];
            optional.into_iter().filter_map(|(name, value)| Some((name, value?))).for_each(
                |(name, value)| {
                    pairs.append_pair(name, value);
                },
            );
            if query.shallow {
                pairs.append_pair("delimiter", "/");
            }
        }
        let bytes = self.ask(&url, "storage.objects.list on the bucket", None).await?;
        let answer: Objects = serde_json::from_slice(&bytes)
            .map_err(|error| format!("the list is not what Cloud Storage answers: {error}"))?;
        let listed = answer.items.into_iter().map(|item| Listed {
            key: item.name,
            size: item.size,
            version: item.generation,
            modified: item.updated.as_deref().and_then(Timestamp::parse).unwrap_or(Timestamp::UNKNOWN),
        });
        // Not every server knows where to start.
        let behind = |listed: &Listed| query.after.as_ref().is_none_or(|after| listed.key > *after);
        let mut objects: Vec<Listed> = listed.filter(behind).collect();
        objects.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(Page {
            objects,
            folders: answer.prefixes,
            next: answer.next_page_token.filter(|token| !token.is_empty()),
        })
    }

    /// The bytes of an object, of the generation that was listed.
    pub(super) async fn get(&self, listed: &Listed) -> Result<Got, String> {
        let bytes = self.ask(&self.media(listed)?, GET, Some(listed.size)).await?;
        Ok(Got { bytes, version: listed.version.clone() })
    }

    /// The bytes of an object from one on, as they come.
    pub(super) async fn begin(&self, listed: &Listed, from: u64) -> Result<Body, String> {
        let url = self.media(listed)?;
        let mut attempt = 1;
        let answer = loop {
            match self.send(&url, GET, from).await {
                Ok(answer) => break answer,
                Err(failed) => again(&mut attempt, failed).await?,
            }
        };
        // Not every server knows ranges.
        let skip = if answer.status().as_u16() == 206 { 0 } else { from };
        Ok(Body::new(Answer::Gcs(answer), Some(listed.size), listed.version.clone(), skip))
    }

    /// Where the bytes of an object are, of the generation that was listed.
    fn media(&self, listed: &Listed) -> Result<Url, String> {
        let mut url = self.url(Some(&listed.key))?;
        url.query_pairs_mut().append_pair("alt", "media");
        if let Some(generation) = &listed.version {
            url.query_pairs_mut().append_pair("generation", generation);
        }
        Ok(url)
    }

    fn url(&self, key: Option<&str>) -> Result<Url, String> {
        let wrong = || format!("`{}` is no address", self.host);
        let mut url: Url = self.host.parse().map_err(|_| wrong())?;
        url.path_segments_mut()
            .map_err(|()| wrong())?
            .pop_if_empty()
            .extend(["storage", "v1", "b", self.name.as_str(), "o"])
            .extend(key);
        if let Some(payer) = &self.payer {
            url.query_pairs_mut().append_pair("userProject", payer);
        }
        Ok(url)
    }

    /// Asks until there is an answer that repeating would not change.
    async fn ask(&self, url: &Url, needs: &str, size: Option<u64>) -> Result<Vec<u8>, String> {
        let mut attempt = 1;
        loop {
            match self.whole(url, needs, size).await {
                Ok(bytes) => return Ok(bytes),
                Err(failed) => again(&mut attempt, failed).await?,
            }
        }
    }

    async fn whole(&self, url: &Url, needs: &str, size: Option<u64>) -> Result<Vec<u8>, (String, bool)> {
        let answer = self.send(url, needs, 0).await?;
        let bytes = answer.bytes().await.map_err(|error| cut(&google::chain(&error.without_url())))?;
        if size.is_some_and(|size| size > bytes.len() as u64) {
            return Err(cut("the object is longer than what came"));
        }
        Ok(bytes.to_vec())
    }

    /// Asks once, for the bytes from one on; refusals are errors, and whether asking again may help.
    async fn send(&self, url: &Url, needs: &str, from: u64) -> Result<Response, (String, bool)> {
        let headers = match self.credentials.headers(Extensions::new()).await {
            Ok(CacheableResource::New { data, .. }) => data,
            Ok(CacheableResource::NotModified) => http::HeaderMap::new(),
            Err(error) => return Err((google::unauthenticated(&error), false)),
        };
        // Stored gzip comes as it is stored, not inflated by the server.
        let mut request = self.client.get(url.clone()).headers(headers).header("accept-encoding", "gzip");
        if from > 0 {
            request = request.header("range", format!("bytes={from}-"));
        }
        let silent = |error: reqwest::Error| {
            let why = google::chain(&error.without_url());
            (format!("no answer; look at the network and STORAGE_EMULATOR_HOST: {why}"), true)
        };
        let answer: Response = request.send().await.map_err(silent)?;
        let status = answer.status().as_u16();
        if matches!(status, 200 | 206) {
            return Ok(answer);
        }
        let bytes = answer.bytes().await.map_err(|error| cut(&google::chain(&error.without_url())))?;
        let again = matches!(status, 408 | 429 | 500..);
        Err((google::refusal(status, &google::said(&bytes), needs), again))
    }
}

/// An answer that broke off.
fn cut(why: &str) -> (String, bool) {
    (format!("the connection was cut several times: {why}"), true)
}

/// Waits before the next attempt, unless repeating would not change anything.
async fn again(attempt: &mut u32, (why, again): (String, bool)) -> Result<(), String> {
    if !again || *attempt == ATTEMPTS {
        return Err(why);
    }
    tokio::time::sleep(Duration::from_millis(100 << *attempt)).await;
    *attempt += 1;
    Ok(())
}
