//! What the clients of AWS share: one connection pool, the standard chain of credentials, and what errors mean.

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// How often a request is sent before it has failed; waits between are doubled, and what is throttled waits longer.
const ATTEMPTS: u32 = 6;

/// The region where none is set: a bucket says itself where it is.
const ANYWHERE: &str = "us-east-1";

/// Settings, endpoints and credentials as all AWS tools find them: environment, profiles, web identity, containers,
/// instances.
pub(super) async fn config(region: Option<&str>) -> SdkConfig {
    let http =
        aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS));
    if let Some(region) = region {
        loader = loader.region(Region::new(region.to_owned()));
    }
    let config = loader.load().await;
    match config.region() {
        Some(_) => config,
        None => config.into_builder().region(Region::from_static(ANYWHERE)).build(),
    }
}

/// What was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// Listing a bucket.
    List,
    /// Reading an object.
    Get,
    /// Asking LookupEvents.
    Lookup,
}

impl Doing {
    fn permission(self) -> &'static str {
        match self {
            Self::List => "s3:ListBucket on the bucket",
            Self::Get => "s3:GetObject on the objects",
            Self::Lookup => "cloudtrail:LookupEvents",
        }
    }
}

/// The code of an answer that refuses.
pub(super) fn code<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> &str {
    error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or("")
}

/// What went wrong, and what to do.
pub(super) fn why<E>(error: &SdkError<E, HttpResponse>, doing: Doing) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let said = error.as_service_error().and_then(ProvideErrorMetadata::message).unwrap_or("");
    let status = error.raw_response().map(|answer| answer.status().as_u16());
    let Some(meaning) = meaning(code(error), said, status, doing) else {
        return unanswered(&DisplayErrorContext(error).to_string());
    };
    let code = match (code(error), status) {
        ("", Some(status)) => format!("HTTP {status}"),
        (code, _) => code.to_owned(),
    };
    if said.is_empty() { format!("{meaning} ({code})") } else { format!("{meaning} ({code}: {said})") }
}

/// Why no answer came.
fn unanswered(chain: &str) -> String {
    let told = chain.split(" (").next().unwrap_or(chain);
    let no_credentials = [
        "no providers in chain provided credentials",
        "CredentialsNotLoaded",
        "the credential provider was not enabled",
    ]
    .iter()
    .any(|text| chain.contains(text));
    if no_credentials {
        return "no AWS credentials were found: set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or sign \
                in with `aws sso login`"
            .to_owned();
    }
    if chain.contains("CredentialsError") || chain.contains("ProviderError") {
        return format!(
            "the AWS credentials cannot be loaded; sign in again, or look at AWS_PROFILE: {told}"
        );
    }
    format!("no answer; look at the network, the region and AWS_ENDPOINT_URL: {told}")
}

/// What a refusal means and what to do; none where there was no refusal.
fn meaning(code: &str, said: &str, status: Option<u16>, doing: Doing) -> Option<String> {
    let status = status?;
    let text = match code {
        "NoSuchBucket" => {
            "there is no such bucket: look at its name, and at the account of these credentials"
        }
        "PreconditionFailed" => "the object was replaced while it was read; run it again",
        "NoSuchKey" => "the object was removed after it was listed; run it again",
        "InvalidAccessKeyId" | "UnrecognizedClientException" | "InvalidClientTokenId" => {
            "AWS does not know these credentials: look at AWS_PROFILE and AWS_ACCESS_KEY_ID"
        }
        "SignatureDoesNotMatch" | "IncompleteSignature" => {
            "the secret key does not belong to the access key: look at AWS_SECRET_ACCESS_KEY"
        }
        "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" | "RequestExpired" => {
            "the credentials have expired: sign in again"
        }
        "InvalidToken" => "the session token does not belong to the access key: look at AWS_SESSION_TOKEN",
        "RequestTimeTooSkewed" => "this machine's clock is wrong: set it",
        "InvalidObjectState" => "the object is archived: restore it first",
        "AllAccessDisabled" => "AWS has closed the bucket",
        code if code.starts_with("KMS.") => {
            "the key that encrypts the object cannot be used: look at its state in KMS"
        }
        _ if said.contains("kms:") || said.contains("KMS") => {
            "the object is encrypted with a KMS key: these credentials need kms:Decrypt on the key, in the key's policy too"
        }
        "AccessDenied" | "AccessDeniedException" | "Forbidden" => return Some(denied(doing)),
        _ if status == 403 => return Some(denied(doing)),
        _ if status == 404 => "there is no such bucket or object",
        _ if status == 429 || status == 503 || code.contains("Throttl") || code == "SlowDown" => {
            "AWS still asks to slow down after several attempts; run it again later"
        }
        _ if status >= 500 => "AWS has failed several times; run it again later",
        _ => "AWS refused",
    };
    Some(text.to_owned())
}

fn denied(doing: Doing) -> String {
    let pays = match doing {
        Doing::List | Doing::Get => "; where the requester pays, give `--requester-pays`",
        Doing::Lookup => "",
    };
    format!(
        "access is denied: these credentials need {}, and no policy may deny it (`leastgrant own-policy` prints what is \
         needed){pays}",
        doing.permission()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_to_do() {
        let of = |code: &str, said: &str, status| meaning(code, said, Some(status), Doing::Get).unwrap();
        assert!(of("AccessDenied", "Access Denied", 403).contains("s3:GetObject"));
        assert!(
            of("AccessDenied", "not authorized to perform: kms:Decrypt on resource", 403)
                .contains("kms:Decrypt")
        );
        assert!(of("KMS.DisabledException", "", 400).contains("state in KMS"));
        assert!(of("", "", 403).contains("--requester-pays"));
        assert!(of("ExpiredToken", "", 400).contains("expired"));
        assert!(of("InvalidObjectState", "", 403).contains("archived"));
        assert!(of("SlowDown", "", 503).contains("slow down"));
        assert!(meaning("NoSuchBucket", "", Some(404), Doing::List).unwrap().contains("no such bucket"));
        assert!(
            unanswered("dispatch failure: no providers in chain provided credentials")
                .contains("AWS_PROFILE")
        );
    }
}
