//! How far reading is: a bar on a terminal, one line a minute anywhere else, nothing when told to be quiet; and what
//! Ctrl-C does.

use super::{Failure, output};
use crate::source::Meter;
use indicatif::{BinaryBytes, HumanCount, ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often the bar is drawn.
const TICK: Duration = Duration::from_millis(200);
/// How often a line is written where no terminal is.
const MINUTE: Duration = Duration::from_secs(60);

/// Shows a meter until it is dropped.
pub(super) struct Shown(Option<(Sender<()>, JoinHandle<()>)>);

impl Shown {
    /// Starts to show it, unless told to be quiet.
    pub(super) fn new(meter: &Arc<Meter>, quiet: bool) -> Self {
        if quiet {
            return Self(None);
        }
        let (end, ended) = channel();
        let meter = Arc::clone(meter);
        let draw = if std::io::stderr().is_terminal() { bar } else { lines };
        Self(Some((end, std::thread::spawn(move || draw(&meter, &ended)))))
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some((end, thread)) = self.0.take() {
            drop(end);
            // What shows progress must not decide how the run ends.
            let _ = thread.join();
        }
    }
}

/// Objects and bytes that were read and are to be read.
fn counts(meter: &Meter) -> [u64; 4] {
    [&meter.done, &meter.listed, &meter.done_bytes, &meter.listed_bytes].map(|n| n.load(Ordering::Relaxed))
}

/// Whether the run goes on for so long.
fn goes_on(ended: &Receiver<()>, wait: Duration) -> bool {
    ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout)
}

fn bar(meter: &Meter, ended: &Receiver<()>) {
    let bar = ProgressBar::new(0);
    let template = "{bar:30} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta} {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    while goes_on(ended, TICK) {
        let [done, listed, bytes, of] = counts(meter);
        bar.set_length(of);
        bar.set_position(bytes);
        bar.set_message(format!("{}/{} objects", HumanCount(done), HumanCount(listed)));
    }
    bar.finish_and_clear();
}

fn lines(meter: &Meter, ended: &Receiver<()>) {
    let mut before = 0;
    while goes_on(ended, MINUTE) {
        let [done, listed, bytes, of] = counts(meter);
        let rate = bytes.saturating_sub(before) / MINUTE.as_secs();
        before = bytes;
        output::message(&format!(
            "read {} of {} objects listed, {} of {}, {}/s",
            HumanCount(done),
            HumanCount(listed),
            BinaryBytes(bytes),
            BinaryBytes(of),
            BinaryBytes(rate)
        ));
    }
}

/// A flag that the first Ctrl-C (or SIGTERM) sets; the second ends the program at once.
pub(super) fn interruptible() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // In this order: what is conditional sees the flag as it was before this signal.
        signal_hook::flag::register_conditional_default(signal, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}
