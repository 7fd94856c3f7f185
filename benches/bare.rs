//! The bare loop that reading from S3 is measured against: lists a prefix, gets every object, counts the bytes. The same
//! client, the same number of downloads at once, no decoding. Called by `benches/live.py`: `bare BUCKET PREFIX`.

#![expect(clippy::print_stdout, reason = "a program of its own")]

/// What stops it.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Downloads at the same time, as the program has them.
const AT_ONCE: usize = 32;

async fn all(bucket: &str, prefix: &str) -> Result<(u64, u64), Failure> {
    use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
    let http =
        aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let shared = aws_config::defaults(aws_config::BehaviorVersion::latest()).http_client(http).load().await;
    let config = aws_sdk_s3::config::Builder::from(&shared).force_path_style(true).build();
    let client = aws_sdk_s3::Client::from_conf(config);
    let mut running = tokio::task::JoinSet::new();
    let (mut objects, mut bytes, mut token) = (0, 0, None);
    loop {
        let list = client.list_objects_v2().bucket(bucket).prefix(prefix).set_continuation_token(token);
        let page = list.send().await?;
        for key in page.contents().iter().filter_map(|object| object.key()) {
            if running.len() >= AT_ONCE
                && let Some(got) = running.join_next().await
            {
                bytes += got??;
            }
            let get = client.get_object().bucket(bucket).key(key);
            running.spawn(async move {
                let body = get.send().await?.body.collect().await?;
                Ok::<u64, Failure>(body.into_bytes().len() as u64)
            });
            objects += 1;
        }
        token = page.next_continuation_token().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    while let Some(got) = running.join_next().await {
        bytes += got??;
    }
    Ok((objects, bytes))
}

fn main() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let [bucket, prefix] = words.as_slice() else {
        println!("usage: bare BUCKET PREFIX; `python3 benches/live.py` calls it");
        return Ok(());
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (objects, bytes) = runtime.block_on(all(bucket, prefix))?;
    println!("{objects} objects, {bytes} bytes");
    Ok(())
}
