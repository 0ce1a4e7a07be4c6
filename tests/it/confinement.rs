//! The real program's hidden subcommands `confine` and `relay`, as the sandbox calls them.

#![expect(clippy::disallowed_methods, reason = "a test starts what it looks at")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use footplate::agent::DEFAULT_PATH;
use footplate::agent::sandbox::{Bridge, Confinement, Door, OwnProgram, Sandbox, Tier, Wanted, probe};

async fn sandbox(tier: Tier) -> Arc<Sandbox> {
    let own = OwnProgram::new(PathBuf::from(env!("CARGO_BIN_EXE_footplate")));
    match probe(Wanted::Only(tier), DEFAULT_PATH, own).await {
        Ok(probe) => probe.sandbox,
        Err(unavailable) => panic!("this test needs a sandbox that works:\n{unavailable}"),
    }
}

fn python(sandbox: &Sandbox, confinement: &Confinement, script: &str) -> Output {
    let argv = ["python3", "-c", script].map(str::to_owned);
    let wrapped = sandbox
        .wrap(
            confinement,
            Path::new("/usr/bin/python3"),
            &argv,
            &confinement.worktree,
        )
        .expect("a command line");
    Command::new(&wrapped.argv[0])
        .args(&wrapped.argv[1..])
        .current_dir(&confinement.worktree)
        .env_clear()
        .envs(&wrapped.env)
        .output()
        .expect("it starts")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_real_program_confines_and_relays() {
    for tier in [Tier::Bubblewrap, Tier::Landlock] {
        let root = tempfile::Builder::new().prefix("fp").tempdir().expect("a folder");
        let path = |name: &str| root.path().join(name);
        for folder in ["tree", "home"] {
            std::fs::create_dir(path(folder)).expect("a folder");
        }
        std::fs::write(path("key.pem"), "THE KEY").expect("a key");
        let meter = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = meter.local_addr().expect("an address").port();
        let served = std::thread::spawn(move || {
            let (mut stream, _) = meter.accept().expect("a connection");
            let mut asked = [0; 5];
            stream.read_exact(&mut asked).expect("a question");
            stream.write_all(b"meter").expect("an answer");
            asked
        });
        let _bridge = Bridge::open(path("meter.sock"), port).expect("a bridge");
        let confinement = Confinement {
            meter: Some(Door {
                port,
                socket: path("meter.sock"),
            }),
            ..Confinement::new(path("tree"), path("home"))
        };
        let script = format!(
            "import socket, sys\n\
             s = socket.create_connection(('127.0.0.1', {port}), 60)\n\
             s.sendall(b'hello')\n\
             print(s.recv(5).decode())\n\
             open('made', 'w').write('made')\n\
             try:\n    print(open('{}').read())\nexcept OSError as e:\n    print(type(e).__name__)\n\
             sys.exit(42)\n",
            path("key.pem").display()
        );
        let sandbox = sandbox(tier).await;
        let ended = tokio::task::spawn_blocking(move || python(&sandbox, &confinement, &script))
            .await
            .expect("it ended");
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        let complained = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(42), "{tier}: {said}{complained}");
        assert!(said.starts_with("meter\n"), "{tier}: {said}{complained}");
        assert!(!said.contains("THE KEY"), "{tier}: {said}");
        assert!(path("tree/made").exists(), "{tier}");
        assert_eq!(&served.join().expect("it served"), b"hello", "{tier}");
    }
}

#[test]
fn the_real_program_says_what_is_wrong_with_a_plan() {
    let output = Command::new(env!("CARGO_BIN_EXE_footplate"))
        .args(["confine", "{}", "--", "true"])
        .output()
        .expect("it starts");
    assert_eq!(output.status.code(), Some(127));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("the sandbox could not be set up"), "{said}");
}
