//! Memory that one stage has freed, given back before the next asks for more: the allocator keeps what it was given, in pieces
//! of sizes that the next stage does not ask for.

/// Input from which on it is worth the calls, in bytes.
const MUCH: u64 = 64 << 20;

/// Gives back what this thread, the worker threads and those that have ended have freed since so much was read.
pub fn give_back(read: u64) {
    if read >= MUCH {
        rayon::broadcast(|_| collect());
        collect();
    }
}

#[expect(unsafe_code, reason = "the allocator is C; this is all that is asked of it by name")]
fn collect() {
    // SAFETY: takes nothing but the flag, and may be called by any thread at any time, whatever the allocator in use.
    unsafe { libmimalloc_sys::mi_collect(true) }
}
