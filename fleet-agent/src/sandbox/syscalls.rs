//! The system calls that decoding needs. All others fail with EPERM.
//!
//! No call here makes a descriptor, a process or executable memory, and no call names a file. What
//! was open stays usable only where a rule names it: 0 for reading the video, 1 for images, 2 for
//! last words. Descriptors that leaked in from elsewhere are out of reach.

use std::collections::BTreeMap;

use libc::{MAP_ANONYMOUS, MAP_SHARED, PROT_EXEC};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen as Width, SeccompCmpOp as Op,
    SeccompCondition, SeccompFilter, SeccompRule,
};

/// Harmless whatever their arguments are.
const ANY: &[i64] = &[
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_sched_yield,
    // FFmpeg counts processors before it is told to use one thread.
    libc::SYS_sched_getaffinity,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_gettid,
    libc::SYS_clock_gettime,
    libc::SYS_gettimeofday,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// `pid` is the process that will be confined: it may send signals to itself, as abort() does.
pub fn program(pid: u32) -> Result<BpfProgram, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        ANY.iter().map(|call| (*call, Vec::new())).collect();
    rules.insert(libc::SYS_read, vec![one_of(0, 0)?]);
    let out = [one_of(0, 0)?, one_of(0, 1)?, one_of(0, 2)?];
    rules.insert(libc::SYS_write, out.into());
    // glibc's own last words.
    rules.insert(libc::SYS_writev, vec![one_of(0, 2)?]);
    rules.insert(libc::SYS_tgkill, vec![one_of(0, pid.into())?]);
    // Private memory without a file behind it, and never to be executed.
    let mapping = SeccompRule::new(vec![
        without(2, PROT_EXEC)?,
        without(3, MAP_SHARED)?,
        SeccompCondition::new(
            3,
            Width::Dword,
            Op::MaskedEq(bits(MAP_ANONYMOUS)),
            bits(MAP_ANONYMOUS),
        )?,
    ])?;
    rules.insert(libc::SYS_mmap, vec![mapping]);
    let protecting = SeccompRule::new(vec![without(2, PROT_EXEC)?])?;
    rules.insert(libc::SYS_mprotect, vec![protecting]);
    SeccompFilter::new(
        rules,
        SeccompAction::Errno(bits(libc::EPERM) as u32),
        SeccompAction::Allow,
        std::env::consts::ARCH.try_into()?,
    )?
    .try_into()
}

fn one_of(argument: u8, value: u64) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(
        argument,
        Width::Dword,
        Op::Eq,
        value,
    )?])
}

fn without(argument: u8, flags: i32) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, Width::Dword, Op::MaskedEq(bits(flags)), 0)
}

fn bits(flags: i32) -> u64 {
    u64::from(flags.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_builds_and_lists_nothing_that_opens_or_starts() {
        assert!(!program(1).unwrap().is_empty());
        for call in [
            libc::SYS_openat,
            libc::SYS_socket,
            libc::SYS_clone,
            libc::SYS_execve,
            libc::SYS_ptrace,
            libc::SYS_kill,
            libc::SYS_prlimit64,
            libc::SYS_sendmsg,
        ] {
            assert!(!ANY.contains(&call), "{call}");
        }
    }
}
