//! What a decoder process that gave no answer died of. Pure.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use fleet_core::{DecoderLimit, DecoderLimits, Failure, Reason};

use super::watch::Why;

/// `words` is what it wrote on standard error.
pub fn failure(
    why: Option<Why>,
    status: ExitStatus,
    words: &str,
    limits: &DecoderLimits,
) -> Failure {
    if let Some(Why::Limit(limit)) = why {
        return limits.exceeded(limit);
    }
    // Rust's words when an allocation fails, before it aborts.
    if words.contains("memory allocation of") {
        return limits.exceeded(DecoderLimit::Memory);
    }
    let how = match (why, status.signal()) {
        (Some(Why::Nonsense), _) => "its decoder gave an impossible answer".to_owned(),
        (_, Some(libc::SIGXCPU)) => return limits.exceeded(DecoderLimit::Cpu),
        // Not by the agent: the kernel was out of memory.
        (None, Some(libc::SIGKILL)) => return limits.exceeded(DecoderLimit::Memory),
        (_, Some(signal)) => format!("its decoder crashed with signal {signal}"),
        (_, None) => format!(
            "its decoder gave up with status {}",
            status.code().unwrap_or(-1)
        ),
    };
    let sentence = Reason::NothingDecodable.sentence().trim_end_matches('.');
    Failure::new(Reason::NothingDecodable, format!("{sentence} ({how})."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ending_has_a_reason() {
        let exit = |code: i32| ExitStatus::from_raw(code << 8);
        let signal = ExitStatus::from_raw;
        let limits = DecoderLimits::default();
        use Reason::*;
        for (why, status, words, reason) in [
            (None, signal(libc::SIGSEGV), "", NothingDecodable),
            (None, signal(libc::SIGABRT), "double free", NothingDecodable),
            (
                None,
                signal(libc::SIGABRT),
                "memory allocation of 9 bytes failed",
                OutOfMemory,
            ),
            (None, signal(libc::SIGXCPU), "", TimedOut),
            (None, signal(libc::SIGKILL), "", OutOfMemory),
            (None, exit(101), "thread 'main' panicked", NothingDecodable),
            (None, exit(0), "", NothingDecodable),
            (
                Some(Why::Nonsense),
                signal(libc::SIGKILL),
                "",
                NothingDecodable,
            ),
            (
                Some(Why::Limit(DecoderLimit::Stall)),
                signal(libc::SIGKILL),
                "",
                TimedOut,
            ),
            (
                Some(Why::Limit(DecoderLimit::Output)),
                signal(libc::SIGKILL),
                "",
                TooManyImages,
            ),
        ] {
            let failure = failure(why, status, words, &limits);
            assert_eq!(failure.reason, reason, "{why:?} {status} {words:?}");
        }
    }
}
