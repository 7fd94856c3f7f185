//! What the clients of Google Cloud share: application default credentials, and what errors mean.

use google_cloud_auth::credentials::{Builder, Credentials, anonymous};
use serde_json::Value;

/// Reading is all that is asked for.
const SCOPES: [&str; 2] =
    ["https://www.googleapis.com/auth/devstorage.read_only", "https://www.googleapis.com/auth/logging.read"];
/// Where credentials come from.
const SIGN_IN: &str = "sign in with `gcloud auth application-default login`, or name a key file or a workload identity \
                       configuration in GOOGLE_APPLICATION_CREDENTIALS";

/// Where an API is, when the environment says so: a host, or a whole address.
pub(super) fn endpoint(variable: &str) -> Option<String> {
    let set = std::env::var(variable).ok().filter(|set| !set.is_empty())?;
    let whole = if set.contains("://") { set } else { format!("http://{set}") };
    Some(whole.trim_end_matches('/').to_owned())
}

/// Application default credentials; none are sent to what the environment names instead of Google.
pub(super) fn credentials(overridden: bool) -> Result<Credentials, String> {
    // Every client of this program uses the same one; a second call changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    if overridden {
        return Ok(anonymous::Builder::new().build());
    }
    Builder::default()
        .with_scopes(SCOPES)
        .build()
        .map_err(|error| format!("no Google credentials can be loaded: {SIGN_IN} ({error})"))
}

/// Why no credentials were handed out.
pub(super) fn unauthenticated(error: &dyn std::error::Error) -> String {
    format!("no Google credentials were found, or they are refused: {SIGN_IN} ({})", chain(error))
}

/// An error with what led to it.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// What a refusal means and what to do.
pub(super) fn refusal(status: u16, said: &str, needs: &str) -> String {
    let meaning = match status {
        _ if said.contains("requester pays") || said.contains("UserProjectMissing") => {
            "the requester pays for this bucket: give `--requester-pays`, and the project that pays in GOOGLE_CLOUD_PROJECT"
                .to_owned()
        }
        _ if said.contains("SERVICE_DISABLED") || said.contains("has not been used in project") => {
            "the API is off in the project of these credentials: turn it on".to_owned()
        }
        401 => format!("Google does not accept these credentials: {SIGN_IN}"),
        403 => format!(
            "access is denied: these credentials need {needs}, and no policy may deny it (`leastgrant own-policy` prints \
             what is needed)"
        ),
        404 => "there is no such bucket, object or resource: look at its name".to_owned(),
        412 => "the object was replaced after it was listed; run it again".to_owned(),
        429 => "Google still asks to slow down after several attempts; run it again later".to_owned(),
        500.. => "Google has failed several times; run it again later".to_owned(),
        _ => "Google refused".to_owned(),
    };
    if said.is_empty() {
        format!("{meaning} (HTTP {status})")
    } else {
        format!("{meaning} (HTTP {status}: {said})")
    }
}

/// What an answer says about its error, on one line.
pub(super) fn said(body: &[u8]) -> String {
    let value: Option<Value> = serde_json::from_slice(body).ok();
    let message = value.as_ref().and_then(|value| {
        let error = value.get("error")?;
        error.get("message").or_else(|| value.get("error_description"))?.as_str()
    });
    let text = message.map_or_else(|| String::from_utf8_lossy(body).into_owned(), str::to_owned);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_to_do() {
        assert!(refusal(401, "", "x").contains("gcloud auth"));
        assert!(refusal(403, "no", "storage.objects.list").contains("storage.objects.list"));
        assert!(
            refusal(400, "Bucket is a requester pays bucket but no user project provided.", "x")
                .contains("--requester-pays")
        );
        assert!(refusal(404, "", "x").contains("no such"));
        assert!(refusal(503, "", "x").contains("later"));
        assert_eq!(said(br#"{"error":{"code":403,"message":"no\nway"}}"#), "no way");
        assert_eq!(said(b"plain"), "plain");
    }
}
