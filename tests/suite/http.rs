//! A little HTTP for the tests of live sources: asking a server, and being one that can fail in every way.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the connection ends in the middle of the body.
    pub(crate) cut: bool,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self { status, headers, body: body.to_string().into_bytes(), cut: false }
    }
}

fn head(reader: &mut impl BufRead) -> Option<(String, BTreeMap<String, String>)> {
    let mut first = String::new();
    if reader.read_line(&mut first).ok()? == 0 {
        return None;
    }
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end();
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
    }
    Some((first.trim_end().to_owned(), headers))
}

/// A body of known length, in chunks, or up to the end.
fn body(reader: &mut impl BufRead, headers: &BTreeMap<String, String>, to_end: bool) -> Vec<u8> {
    let mut all = Vec::new();
    if headers.get("transfer-encoding").is_some_and(|v| v.contains("chunked")) {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size).unwrap();
            let size = usize::from_str_radix(size.trim().split(';').next().unwrap(), 16).unwrap();
            let mut chunk = vec![0; size + 2];
            reader.read_exact(&mut chunk).unwrap();
            all.extend_from_slice(&chunk[..size]);
            if size == 0 {
                return all;
            }
        }
    }
    match headers.get("content-length").and_then(|v| v.parse::<usize>().ok()) {
        Some(length) => {
            all.resize(length, 0);
            reader.read_exact(&mut all).unwrap();
        }
        None if to_end => {
            reader.read_to_end(&mut all).unwrap();
        }
        None => {}
    }
    all
}

/// Sends a request to `http://host:port`.
pub(crate) fn ask(server: &str, request: &Request) -> Answer {
    let host = server.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let mut text = format!("{} {} HTTP/1.1\r\nconnection: close\r\n", request.method, request.target);
    let mut headers = request.headers.clone();
    headers.insert("host".to_owned(), host.to_owned());
    headers.insert("content-length".to_owned(), request.body.len().to_string());
    headers.remove("connection");
    headers.remove("transfer-encoding");
    for (name, value) in headers {
        write!(text, "{name}: {value}\r\n").unwrap();
    }
    text.push_str("\r\n");
    stream.write_all(text.as_bytes()).unwrap();
    stream.write_all(&request.body).unwrap();
    let mut reader = BufReader::new(stream);
    let (first, headers) = head(&mut reader).unwrap();
    let status: u16 = first.split_whitespace().nth(1).unwrap().parse().unwrap();
    let body = body(&mut reader, &headers, true);
    Answer { status, headers: headers.into_iter().collect(), body, cut: false }
}

/// Serves until the test process ends; the address.
pub(crate) fn serve(handler: impl Fn(Request) -> Answer + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let handler = Arc::new(handler);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let handler = Arc::clone(&handler);
            std::thread::spawn(move || connection(stream, handler.as_ref()));
        }
    });
    address
}

fn connection(stream: TcpStream, handler: &dyn Fn(Request) -> Answer) {
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    while let Some((first, headers)) = head(&mut reader) {
        let mut words = first.split_whitespace();
        let method = words.next().unwrap_or("").to_owned();
        let target = words.next().unwrap_or("").to_owned();
        let body = body(&mut reader, &headers, false);
        let answer = handler(Request { method, target, headers, body });
        let mut text = format!("HTTP/1.1 {} x\r\ncontent-length: {}\r\n", answer.status, answer.body.len());
        let own = ["content-length", "transfer-encoding", "connection"];
        for (name, value) in answer.headers.iter().filter(|(name, _)| !own.contains(&name.as_str())) {
            write!(text, "{name}: {value}\r\n").unwrap();
        }
        text.push_str("\r\n");
        let sent = if answer.cut { answer.body.len() / 2 } else { answer.body.len() };
        // A client that went away is the client's business.
        if writer.write_all(text.as_bytes()).and_then(|()| writer.write_all(&answer.body[..sent])).is_err()
            || answer.cut
        {
            return;
        }
    }
}
