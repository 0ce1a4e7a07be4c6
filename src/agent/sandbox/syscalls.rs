//! System calls that no agent and no build needs, and that make holes in a sandbox.

use std::collections::BTreeMap;

use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use serde::{Deserialize, Serialize};

/// What is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Profile {
    /// Namespaces shut files, processes and network; refused is what could undo that.
    Namespaced,
    /// The machine's network and processes are in reach, so that sockets and tracing are refused too.
    Fenced,
}

/// On x86-64 the same calls exist a second time with this bit, for the x32 interface.
const X32: i64 = 0x4000_0000;

/// The kernel's surface for administration and for attacks on itself.
const NEVER: &[i64] = &[
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_setns,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_syslog,
    libc::SYS_open_by_handle_at,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
    libc::SYS_fanotify_init,
];

/// Ways into other processes, which a PID namespace would hide.
const TRACING: &[i64] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_process_madvise,
    // Landlock knows nothing of System V's shared memory, queues and semaphores, nor of POSIX queues.
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_msgget,
    libc::SYS_msgrcv,
    libc::SYS_msgsnd,
    libc::SYS_semget,
    libc::SYS_mq_open,
    // Nothing may listen: whoever does so without binding gets a port that the rules do not see.
    libc::SYS_listen,
];

impl Profile {
    /// Refuses them in this process and all that it becomes and starts. Refused calls fail as if not permitted.
    ///
    /// # Errors
    /// The kernel has no filters, or this processor is not known.
    pub(super) fn apply(self) -> Result<(), String> {
        for program in self.programs()? {
            seccompiler::apply_filter(&program).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn programs(self) -> Result<Vec<BpfProgram>, String> {
        // Not there rather than not permitted: programs then fall back to the older call, whose arguments a
        // filter can see (clone3), or do without (io_uring, which would make sockets past the filter).
        let mut absent = Rules::default();
        absent.always(libc::SYS_clone3);
        absent.always(libc::SYS_io_uring_setup);
        absent.always(libc::SYS_io_uring_enter);
        absent.always(libc::SYS_io_uring_register);

        let mut refused = Rules::default();
        for &call in NEVER {
            refused.always(call);
        }
        let namespaces = libc::CLONE_NEWUSER
            | libc::CLONE_NEWNS
            | libc::CLONE_NEWNET
            | libc::CLONE_NEWPID
            | libc::CLONE_NEWIPC
            | libc::CLONE_NEWUTS
            | libc::CLONE_NEWCGROUP;
        for bit in (0..32).map(|bit| 1 << bit).filter(|bit| namespaces & bit != 0) {
            refused.when(libc::SYS_clone, vec![has(0, bit)?]);
            refused.when(libc::SYS_unshare, vec![has(0, bit)?]);
        }
        // Typing into a terminal (TIOCSTI) and pasting into one (TIOCLINUX).
        refused.when(libc::SYS_ioctl, vec![is(1, 0x5412)?]);
        refused.when(libc::SYS_ioctl, vec![is(1, 0x541c)?]);
        if self == Self::Fenced {
            for &call in TRACING {
                refused.always(call);
            }
            refused.sockets()?;
        }
        Ok(vec![absent.compile(libc::ENOSYS)?, refused.compile(libc::EPERM)?])
    }
}

#[derive(Default)]
struct Rules(BTreeMap<i64, Vec<SeccompRule>>);

impl Rules {
    fn always(&mut self, call: i64) {
        self.0.insert(call, Vec::new());
    }

    fn when(&mut self, call: i64, all: Vec<SeccompCondition>) {
        // A rule has at least one condition here, which is the only thing that it can lack.
        if let Ok(rule) = SeccompRule::new(all) {
            self.0.entry(call).or_default().push(rule);
        }
    }

    /// TCP, over IPv4 and IPv6, is what remains: Landlock limits its ports. UDP would carry names to any server
    /// (DNS), raw and packet sockets anything, netlink and vsock reach the kernel and the host. Unix sockets by
    /// path reach the daemons of this machine, and only the newest Landlock can tell which; pairs stay allowed.
    fn sockets(&mut self) -> Result<(), String> {
        let (inet, inet6) = (wide(libc::AF_INET), wide(libc::AF_INET6));
        self.when(libc::SYS_socket, vec![differs(0, inet)?, differs(0, inet6)?]);
        let kind = 0xf;
        for other in (0..=kind).filter(|&other| other != wide(libc::SOCK_STREAM)) {
            self.when(libc::SYS_socket, vec![masked(1, kind, other)?]);
        }
        // Multipath TCP, SCTP and others stream too, and Landlock does not see them.
        self.when(
            libc::SYS_socket,
            vec![differs(2, 0)?, differs(2, wide(libc::IPPROTO_TCP))?],
        );
        // Sending while connecting goes past Landlock's look at the port.
        let fast_open = wide(libc::MSG_FASTOPEN);
        self.when(libc::SYS_sendto, vec![has(3, fast_open)?]);
        self.when(libc::SYS_sendmsg, vec![has(2, fast_open)?]);
        self.when(libc::SYS_sendmmsg, vec![has(3, fast_open)?]);
        Ok(())
    }

    fn compile(mut self, errno: i32) -> Result<BpfProgram, String> {
        if cfg!(target_arch = "x86_64") {
            let again: Vec<_> = self
                .0
                .iter()
                .map(|(call, rules)| (call | X32, rules.clone()))
                .collect();
            self.0.extend(again);
        }
        let arch = std::env::consts::ARCH.try_into().map_err(tell)?;
        let errno = SeccompAction::Errno(errno.cast_unsigned());
        let filter = SeccompFilter::new(self.0, SeccompAction::Allow, errno, arch).map_err(tell)?;
        filter.try_into().map_err(tell)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` wants it")]
fn tell(error: seccompiler::BackendError) -> String {
    error.to_string()
}

fn wide(value: i32) -> u64 {
    u64::from(value.cast_unsigned())
}

fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition, String> {
    // All arguments looked at are of 32 bits; what stands above them is not looked at by the kernel either.
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value).map_err(tell)
}

fn is(argument: u8, value: u64) -> Result<SeccompCondition, String> {
    condition(argument, SeccompCmpOp::Eq, value)
}

fn differs(argument: u8, value: u64) -> Result<SeccompCondition, String> {
    condition(argument, SeccompCmpOp::Ne, value)
}

fn has(argument: u8, bit: impl TryInto<u64>) -> Result<SeccompCondition, String> {
    let bit = bit.try_into().map_err(|_| "a bit is positive".to_owned())?;
    masked(argument, bit, bit)
}

fn masked(argument: u8, mask: u64, value: u64) -> Result<SeccompCondition, String> {
    condition(argument, SeccompCmpOp::MaskedEq(mask), value)
}
