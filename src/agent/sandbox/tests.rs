//! Confined children for real, in every tier: what they must not be able to do, and what they must.
//!
//! Listeners on the loopback outside stand for hosts of the Internet.

mod users;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::agent::environment::{self, DEFAULT_PATH, Environment};
use crate::agent::lines::Line;
use crate::agent::supervise::{Course, Launch, Sink, supervise};
use crate::agent::testing::{key, lives, this_program};
use crate::agent::{Exit, Limits, Marker, Stop};

/// The test in which a child process of ours becomes a confined one, or its relay.
const CHILD: &str = "agent::sandbox::tests::becomes_a_confined_child_or_a_relay_when_started_as_one";

const CONFINING: [Tier; 2] = [Tier::Bubblewrap, Tier::Landlock];

#[test]
#[expect(
    clippy::exit,
    reason = "a child process ends as its command does, not as a test"
)]
fn becomes_a_confined_child_or_a_relay_when_started_as_one() {
    let words: Vec<OsString> = std::env::args_os().collect();
    let started_as =
        |word: &str| words.iter().any(|each| each == CHILD) && words.iter().any(|each| each == word);
    let code = if started_as(CONFINE) {
        confine_main(words.into_iter())
    } else if started_as(RELAY) {
        relay_main(words.into_iter())
    } else {
        return;
    };
    std::process::exit(i32::from(code != std::process::ExitCode::SUCCESS) * 127);
}

fn own() -> OwnProgram {
    OwnProgram {
        file: this_program(),
        arguments: ["--exact", "--nocapture", "--quiet", CHILD]
            .map(str::to_owned)
            .to_vec(),
    }
}

async fn sandbox(tier: Tier) -> Arc<Sandbox> {
    match probe(Wanted::Only(tier), DEFAULT_PATH, own()).await {
        Ok(probe) => probe.sandbox,
        Err(unavailable) => panic!("this test needs a sandbox that works:\n{unavailable}"),
    }
}

/// A data folder with a key, a run's worktree and home, and another run's.
struct World {
    root: tempfile::TempDir,
    confined: Confined,
}

impl World {
    async fn new(tier: Tier) -> Self {
        let root = tempfile::Builder::new().prefix("fp").tempdir().expect("a folder");
        let path = |name: &str| root.path().join(name);
        for folder in [
            "data/runs/1/tree",
            "data/runs/1/home",
            "data/runs/2/tree",
            "data/mirror/hooks",
            "data/sockets",
        ] {
            std::fs::create_dir_all(path(folder)).expect("a folder");
        }
        std::fs::write(path("data/key.pem"), "THE KEY").expect("a key");
        std::fs::write(path("data/runs/2/tree/secret.txt"), "THE OTHER RUN").expect("a file");
        std::fs::write(path("data/mirror/config"), "[core]\n\tbare = true\n").expect("a config");
        let link = path("data/runs/1/tree/.git");
        std::fs::write(&link, format!("gitdir: {}\n", path("data/mirror").display())).expect("a link");
        std::fs::write(path("data/runs/1/tree/hello.txt"), "hello").expect("a file");
        let confinement = Confinement {
            git: Some(Git {
                directory: path("data/mirror"),
                link,
            }),
            ..Confinement::new(path("data/runs/1/tree"), path("data/runs/1/home"))
        };
        let confined = Confined {
            sandbox: sandbox(tier).await,
            confinement,
        };
        Self { root, confined }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("data").join(name)
    }

    async fn run(&self, argv: &[&str], wall: Duration) -> (Course, String) {
        let argv: Vec<String> = argv.iter().map(|&word| word.to_owned()).collect();
        let marker = Marker::of_server(self.root.path()).of_attempt(&key(1, 1));
        let home = &self.confined.confinement.home;
        let environment = Environment::prepare(home, None, &BTreeMap::new(), &marker).expect("a home");
        let launch = Launch {
            argv: &argv,
            folder: &self.confined.confinement.worktree,
            environment: &environment,
            marker,
            limits: Limits {
                grace: Duration::from_secs(20),
                ..Limits::silent(wall)
            },
            stdin: None,
            merged: true,
            sandbox: Some(&self.confined),
        };
        let mut output = Output::default();
        let course = supervise(launch, &CancellationToken::new(), &mut output)
            .await
            .expect("it starts");
        assert_eq!(course.killed.survivors, 0);
        (course, output.0)
    }

    /// Runs a shell script to its end and gives what it printed.
    async fn shell(&self, script: &str) -> String {
        self.run(&["sh", "-c", script], Duration::from_mins(2)).await.1
    }

    /// Runs Python, whose last line says what it could do.
    async fn python(&self, script: &str) -> String {
        let (course, output) = self
            .run(&["/usr/bin/python3", "-c", script], Duration::from_mins(2))
            .await;
        format!("{}|{}", course.exit, output.trim())
    }
}

#[derive(Default)]
struct Output(String);

impl Sink for Output {
    fn stdout(&mut self, line: Line<'_>) {
        let text = String::from_utf8_lossy(line.bytes);
        // The test harness in which our own program lives announces itself.
        if !text.starts_with("running ") && !text.trim().is_empty() {
            self.0.push_str(&text);
            self.0.push('\n');
        }
    }

    fn stderr(&mut self, line: Line<'_>) {
        self.stdout(line);
    }
}

/// Answers every connection with what came first, and counts them.
async fn host() -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let served = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 1024];
            let length = stream.read(&mut buffer).await.unwrap_or(0);
            let body = format!(
                "got {}",
                String::from_utf8_lossy(&buffer[..length])
                    .lines()
                    .next()
                    .unwrap_or("")
            );
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (port, served)
}

#[tokio::test]
async fn a_child_works_in_its_worktree_and_its_home() {
    for tier in CONFINING {
        let world = World::new(tier).await;
        let said = world
            .shell("cat hello.txt && echo ' changed' >> hello.txt && mkdir .footplate && echo plan > .footplate/plan.md && echo x > $HOME/x && echo y > $TMPDIR/y && mv hello.txt moved.txt && git --version && cat .git && head -c 5 $(dirname $(git rev-parse --git-dir 2>/dev/null || echo /dev/null/x) 2>/dev/null)/config 2>/dev/null; python3 -c 'import json; print(json.dumps(1))'; head -c1 /dev/urandom | wc -c > /dev/null; pwd; echo $GIT_OPTIONAL_LOCKS; exit 0")
            .await;
        assert!(
            said.contains("hello") && said.contains("git version") && said.contains("gitdir: "),
            "{tier}: {said}"
        );
        let tree = world.path("runs/1/tree");
        assert_eq!(
            std::fs::read_to_string(tree.join("moved.txt")).expect("it is there"),
            "hello changed\n",
            "{tier}: {said}"
        );
        assert_eq!(
            std::fs::read_to_string(tree.join(".footplate/plan.md")).expect("it is there"),
            "plan\n"
        );
        assert!(world.path("runs/1/home/tmp/y").exists());
    }
}

#[tokio::test]
async fn keys_other_runs_and_the_servers_memory_cannot_be_read() {
    for tier in CONFINING {
        let world = World::new(tier).await;
        let server = std::process::id();
        let files = [
            world.path("key.pem"),
            world.path("runs/2/tree/secret.txt"),
            format!("/proc/{server}/environ").into(),
            format!("/proc/{server}/mem").into(),
            format!("/proc/{server}/root/etc/hosts").into(),
            "/etc/shadow".into(),
            "/etc/ssl/private".into(),
            "/proc/1/root/etc/hostname".into(),
        ];
        for file in files {
            let said = world
                .shell(&format!(
                    "cat '{0}' && echo READ; ls '{0}' >/dev/null; exit 0",
                    file.display()
                ))
                .await;
            assert!(
                !said.contains("READ") && !said.contains("THE "),
                "{tier}: {}: {said}",
                file.display()
            );
        }
        let outside = format!(
            "ls {} {} ; ls /root; ls /run; ls /var/lib; ls /home; echo end",
            world.path("").display(),
            world.path("runs").display()
        );
        let said = world.shell(&outside).await;
        assert!(!said.contains("key.pem"), "{tier}: {said}");
        let said = world
            .shell(&format!("kill -0 {server} && echo REACHED; true"))
            .await;
        assert!(!said.contains("REACHED"), "{tier}: {said}");
    }
}

#[tokio::test]
async fn the_repository_cannot_be_written() {
    for tier in CONFINING {
        let world = World::new(tier).await;
        let mirror = world.path("mirror").display().to_string();
        let said = world
            .shell(&format!(
                "cat {mirror}/config && echo x > {mirror}/hooks/post-checkout && echo WROTE; echo x >> {mirror}/config && echo WROTE; git --git-dir {mirror} config core.hooksPath /x && echo WROTE; mv {mirror} {mirror}2 && echo WROTE; ln -s /x {mirror}/refs && echo WROTE; true"
            ))
            .await;
        assert!(said.contains("bare = true"), "{tier}: it can be read: {said}");
        assert!(!said.contains("WROTE"), "{tier}: {said}");
        assert_eq!(
            std::fs::read_dir(world.path("mirror/hooks"))
                .expect("it is there")
                .count(),
            0
        );
        if tier == Tier::Bubblewrap {
            let said = world.shell("echo gitdir: /x > .git && echo WROTE; rm -f .git && echo WROTE; mv .git x && echo WROTE; true").await;
            assert!(!said.contains("WROTE"), "{said}");
        }
    }
}

#[tokio::test]
async fn hosts_that_are_not_allowed_are_out_of_reach_by_tcp_udp_and_names() {
    for tier in CONFINING {
        let world = World::new(tier).await;
        let (port, served) = host().await;
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        udp.set_nonblocking(true).expect("it can");
        let udp_port = udp.local_addr().expect("an address").port();
        let said = world
            .python(&format!(
                r#"
import socket
def attempt(name, f):
    try:
        f(); print(name, "REACHED")
    except OSError as e:
        print(name, type(e).__name__)
def tcp(family, address):
    s = socket.socket(family, socket.SOCK_STREAM); s.settimeout(3); s.connect(address)
    s.sendall(b"x\n"); assert s.recv(1)
def udp():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b"leak", ("127.0.0.1", {udp_port}))
def fast():
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM); s.sendto(b"x\n", 0x20000000, ("127.0.0.1", {port}))
    assert s.recv(1)
def multipath():
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262); s.connect(("127.0.0.1", {port})); s.sendall(b"x\n"); assert s.recv(1)
def packet():
    socket.socket(17, socket.SOCK_RAW)
def raw():
    socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)
attempt("tcp", lambda: tcp(socket.AF_INET, ("127.0.0.1", {port})))
attempt("tcp6", lambda: tcp(socket.AF_INET6, ("::ffff:127.0.0.1", {port})))
attempt("udp", udp)
attempt("fast", fast)
attempt("multipath", multipath)
attempt("packet", packet)
attempt("raw", raw)
attempt("name", lambda: socket.getaddrinfo("example.com", 443))
"#
            ))
            .await;
        for way in ["tcp ", "tcp6 ", "fast ", "multipath ", "packet ", "raw ", "name "] {
            let line = said
                .lines()
                .find_map(|line| line.split('|').next_back().filter(|line| line.starts_with(way)));
            assert!(
                line.is_some_and(|line| !line.contains("REACHED")),
                "{tier}: {way}: {said}"
            );
        }
        let mut buffer = [0; 16];
        assert!(
            udp.recv(&mut buffer).is_err(),
            "{tier}: nothing came by UDP: {said}"
        );
        served.abort();
    }
}

#[tokio::test]
async fn unix_sockets_outside_are_out_of_reach() {
    use std::os::linux::net::SocketAddrExt;
    for tier in CONFINING {
        let world = World::new(tier).await;
        let name = format!("footplate-test-{}-{tier}", std::process::id());
        let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).expect("a name");
        let _abstract = std::os::unix::net::UnixListener::bind_addr(&address).expect("it listens");
        let path = world.root.path().join("daemon.sock");
        let _daemon = std::os::unix::net::UnixListener::bind(&path).expect("it listens");
        let said = world
            .python(&format!(
                r#"
import socket
for address in ("\0{name}", "{}"):
    try:
        s = socket.socket(socket.AF_UNIX); s.connect(address); print("REACHED")
    except OSError as e:
        print(type(e).__name__)
a, b = socket.socketpair(); a.send(b"x"); print("pair", b.recv(1))
"#,
                path.display()
            ))
            .await;
        assert!(
            !said.contains("REACHED") && said.contains("pair b'x'"),
            "{tier}: {said}"
        );
    }
}

#[tokio::test]
async fn the_meter_and_allowed_hosts_are_reached_and_others_are_findings() {
    for tier in CONFINING {
        let mut world = World::new(tier).await;
        let (meter, served) = host().await;
        let (allowed, also) = host().await;
        let socket = world.path("sockets/meter");
        let _bridge = Bridge::open(socket.clone(), meter).expect("a bridge");
        world.confined.confinement.meter = Some(Door { port: meter, socket });
        let listen = match tier {
            Tier::Bubblewrap => Listen::Socket(world.path("sockets/egress")),
            Tier::Landlock | Tier::None => Listen::Port,
        };
        let allow = AllowList::new(vec![
            format!("registry.example:{allowed}").parse().expect("a host"),
            format!("localhost:{allowed}").parse().expect("a host"),
        ]);
        let pinned = BTreeMap::from([("registry.example".to_owned(), Ipv4Addr::LOCALHOST.into())]);
        let egress = Egress::start(listen, allow, pinned).await.expect("a proxy");
        world.confined.confinement.egress = Some(egress.door().clone());
        let said = world
            .python(&format!(
                r#"
import os, urllib.request, http.client, urllib.parse
def get(url):
    try:
        print(url.split("//")[1], urllib.request.urlopen(url, timeout=20).read().decode())
    except Exception as e:
        print(url.split("//")[1], "failed", e)
get("http://127.0.0.1:{meter}/meter")
get("http://registry.example:{allowed}/pkg")
get("http://registry.example/other-port")
get("http://evil.example/")
get("http://localhost.:{allowed}/rebound")
proxy = urllib.parse.urlsplit(os.environ["HTTPS_PROXY"])
for target in ("registry.example", "evil.example", "169.254.169.254"):
    c = http.client.HTTPConnection(proxy.hostname, proxy.port, timeout=20)
    c.set_tunnel(target, {allowed})
    try:
        c.request("GET", "/tunnel"); print("tunnel", target, c.getresponse().read().decode())
    except Exception as e:
        print("tunnel", target, "failed", e)
"#
            ))
            .await;
        assert!(said.contains("/meter got GET /meter HTTP/1.1"), "{tier}: {said}");
        assert!(said.contains("/pkg got GET /pkg HTTP/1.1"), "{tier}: {said}");
        assert!(
            said.contains("tunnel registry.example got GET /tunnel HTTP/1.1"),
            "{tier}: {said}"
        );
        assert_eq!(
            said.lines().filter(|line| line.contains(" failed ")).count(),
            5,
            "{tier}: {said}"
        );
        let mut findings: Vec<String> = egress
            .findings()
            .iter()
            .map(|finding| {
                format!("{:?} {} {}", finding.refusal, finding.target, finding.times)
                    .replace(&allowed.to_string(), "PORT")
            })
            .collect();
        findings.sort();
        assert_eq!(
            findings,
            [
                "Address 169.254.169.254:PORT 1",
                "Internal localhost:PORT 1",
                "NotAllowed evil.example:80 1",
                "NotAllowed evil.example:PORT 1",
                "NotAllowed registry.example:80 1",
            ],
            "{tier}"
        );
        served.abort();
        also.abort();
    }
}

#[tokio::test]
async fn administration_of_the_kernel_is_refused() {
    for tier in CONFINING {
        let world = World::new(tier).await;
        let said = world
            .shell("unshare -Ur true && echo DONE; mount -t tmpfs x $HOME && echo DONE; cat /proc/sys/kernel/core_pattern > p; cat p > /proc/sys/kernel/core_pattern && echo DONE; (: > /proc/sysrq-trigger) && echo DONE; python3 -c 'import ctypes; c=ctypes.CDLL(None, use_errno=True); print(\"bpf\", c.syscall(321,0,0,0), \"x32\", c.syscall(0x40000000|321,0,0,0), \"ring\", c.syscall(425,1,0))'; true")
            .await;
        assert!(!said.contains("DONE"), "{tier}: {said}");
        assert!(said.contains("bpf -1 x32 -1 ring -1"), "{tier}: {said}");
    }
}

#[tokio::test]
async fn a_fork_bomb_a_big_file_and_greed_for_memory_end_at_their_limits() {
    for tier in CONFINING {
        let mut world = World::new(tier).await;
        world.confined.confinement.resources = Resources {
            memory: Some(512 << 20),
            // Where it counts by user, the tests' own processes and threads count too.
            processes: Some(512),
            file_size: Some(1 << 20),
            open_files: Some(64),
            cpu_seconds: None,
        };
        let said = world
            .shell("head -c 3000000 /dev/zero > big; wc -c < big; true")
            .await;
        assert!(said.contains("1048576"), "{tier}: {said}");
        let said = world
            .python("import sys; x = bytearray(1 << 30); print('HAS')")
            .await;
        assert!(!said.contains("HAS"), "{tier}: {said}");
        let said = world.python("x = bytearray(100 << 20); print('HAS')").await;
        assert!(said.contains("HAS"), "{tier}: {said}");
        let said = world
            .python("import os\nn = 0\nwhile n < 3000:\n    try:\n        p = os.fork()\n    except OSError:\n        break\n    if p == 0:\n        import time; time.sleep(600)\n    n += 1\nprint('forked', n)")
            .await;
        let forked: u32 = said
            .rsplit(' ')
            .next()
            .and_then(|n| n.trim().parse().ok())
            .unwrap_or_else(|| panic!("{tier}: {said}"));
        assert!((1..512).contains(&forked), "{tier}: {forked} processes");
    }
}

#[tokio::test]
async fn nothing_survives_and_whoever_heeds_the_polite_signal_has_time() {
    for tier in CONFINING {
        let world = World::new(tier).await;
        // A daemon in a session of its own, one more with a cleared environment, and a program that tidies up.
        // Without a namespace the last is found only where there are groups.
        let clears = tier == Tier::Bubblewrap || world.confined.sandbox.host().cgroup.is_some();
        let daemon = if clears { "env -i setsid -f sleep $1;" } else { "" };
        let script = format!(
            "{daemon} setsid -f sleep $1; trap 'echo tidy > tidied; exit 3' TERM; echo ready; while :; do sleep 0.1; done"
        );
        // Unlike any other sleep of this machine.
        let long = format!("9{}", std::process::id());
        let (course, output) = world
            .run(&["sh", "-c", &script, "sh", &long], Duration::from_secs(3))
            .await;
        assert_eq!(
            (course.stopped, course.exit),
            (Some(Stop::Wall), Exit::Code(3)),
            "{tier}: {output}"
        );
        assert!(world.path("runs/1/tree/tidied").exists(), "{tier}: it had time");
        let left = std::fs::read_dir("/proc")
            .expect("it is there")
            .flatten()
            .filter(|entry| {
                let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
                let pid = entry.file_name().to_string_lossy().into_owned();
                line == format!("sleep\0{long}\0").as_bytes() && lives(&pid)
            });
        assert_eq!(left.count(), 0, "{tier}");
    }
}

#[tokio::test]
async fn an_exit_code_comes_through_and_a_missing_program_is_named() {
    for tier in CONFINING {
        let world = World::new(tier).await;
        let (course, _) = world.run(&["sh", "-c", "exit 42"], Duration::from_mins(1)).await;
        assert_eq!(course.exit, Exit::Code(42), "{tier}");
    }
}

#[tokio::test]
async fn a_tier_that_is_demanded_and_missing_says_how_to_get_it() {
    let error = probe(Wanted::Only(Tier::Bubblewrap), "/nowhere", own())
        .await
        .expect_err("it is not there");
    let error = error.to_string();
    assert!(
        error.contains("bubblewrap does not work here") && error.contains("apt-get install bubblewrap"),
        "{error}"
    );
    // The other tier wants one program where the server is root.
    let tools = tempfile::tempdir().expect("a folder");
    if let Ok(setpriv) = environment::find("setpriv", DEFAULT_PATH) {
        std::os::unix::fs::symlink(setpriv, tools.path().join("setpriv")).expect("a link");
    }
    let path = tools.path().to_str().expect("text");
    let best = probe(Wanted::Auto, path, own()).await.expect("there is another");
    assert_eq!(best.sandbox.tier(), Tier::Landlock);
    assert_eq!(best.shortfalls.len(), 1);
}

#[test]
fn a_command_line_holds_no_secrets_and_mounts_only_what_is_listed() {
    let host = Host::look(own(), DEFAULT_PATH);
    let confinement = Confinement {
        meter: Some(Door {
            port: 4000,
            socket: "/data/meter.sock".into(),
        }),
        ..Confinement::new("/data/runs/1/tree".into(), "/data/runs/1/home".into())
    };
    let program = Path::new("/opt/agent/bin/agent");
    let wrap = |tier| {
        Sandbox::new(tier, host.clone()).wrap(
            &confinement,
            program,
            &["agent".to_owned(), "-p".to_owned()],
            &confinement.worktree,
        )
    };
    let words = wrap(Tier::Bubblewrap).expect("it can").argv;
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    assert_eq!(&words[words.len() - 3..], ["--", "agent", "-p"]);
    let mounted: Vec<_> = words
        .windows(3)
        .filter(|w| w[0].starts_with("--ro-bind") || w[0] == "--bind")
        .filter(|w| {
            !w[1].starts_with("/etc/")
                && !["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"].contains(&&*w[1])
        })
        .map(|w| format!("{} {}", w[0], w[2]))
        .collect();
    assert_eq!(
        mounted,
        [
            "--ro-bind /run/footplate/program",
            "--ro-bind /run/footplate/door.0",
            "--ro-bind-try /opt/agent/bin",
            "--bind /data/runs/1/tree",
            "--bind /data/runs/1/home",
        ]
    );
    let plain = wrap(Tier::None).expect("it can");
    assert_eq!(plain.argv, ["/opt/agent/bin/agent", "-p"]);
}
