//! Attempts with real child processes, well-behaved and not.

use std::sync::Mutex;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::testing::{World, key, lives, python, serve, sh, this_program};
use super::*;
use crate::model::{MicroUsd, TokenUsage};

/// Enough for a shell to start on a busy machine, short enough to wait for.
const SOON: Duration = Duration::from_millis(700);
/// What a stopped process must not be able to reach.
const NEVER: Duration = Duration::from_hours(1);

#[tokio::test]
async fn an_agent_is_told_its_orders_and_nothing_else() {
    let mut world = World::new();
    world.order.model = Some("kimi-k2.6".to_owned());
    world
        .order
        .env
        .insert("CARGO_HOME".to_owned(), "/opt/cargo".to_owned());
    world
        .order
        .env
        .insert("FOOTPLATE_NODE".to_owned(), "forged".to_owned());
    world
        .order
        .env
        .insert("FOOTPLATE_MODEL_KEY".to_owned(), "forged".to_owned());
    let ended = world
        .shell("env | sort > env.txt; pwd; cat; ls \"$TMPDIR\"; cat \"$FOOTPLATE_BRIEF\"")
        .await;
    assert_eq!(ended.exit, Exit::Code(0), "{}", ended.output_tail);
    let tree = world.order.worktree.display().to_string();
    assert_eq!(
        ended.text,
        format!("{tree}\nDo it."),
        "it works in the tree and standard input is empty"
    );

    let root = world.root.path().display().to_string();
    let env: Vec<String> = world
        .read("env.txt")
        .lines()
        .filter(|l| !l.starts_with("PWD="))
        .map(|l| l.replace(&root, "ROOT"))
        .collect();
    let run = format!(
        "FOOTPLATE_RUN={}/01jd0000000000000000000000/implement/1/1",
        world.order.server
    );
    assert_eq!(
        env,
        [
            "CARGO_HOME=/opt/cargo",
            "FOOTPLATE_ARTIFACTS=ROOT/tree/.footplate",
            "FOOTPLATE_ATTEMPT=1",
            "FOOTPLATE_BRIEF=ROOT/brief.md",
            "FOOTPLATE_MODEL=kimi-k2.6",
            "FOOTPLATE_NODE=implement",
            "FOOTPLATE_ROLE=implement",
            run.as_str(),
            "HOME=ROOT/home",
            "LANG=C.UTF-8",
            &format!("PATH={DEFAULT_PATH}"),
            "TMPDIR=ROOT/home/tmp",
        ]
    );
}

#[tokio::test]
async fn what_the_agent_reports_is_in_the_account_and_told_while_it_works() {
    #[derive(Default)]
    struct Notes(Mutex<Vec<String>>);
    impl Observer for Notes {
        fn saw(&self, progress: Progress<'_>) {
            self.0.lock().expect("not poisoned").push(format!("{progress:?}"));
        }
    }
    let world = World::new();
    let script = r#"
        echo '{"type":"usage","input_tokens":1200,"output_tokens":340,"cost_usd":0.01}'
        echo working >&2
        printf '{"type":"text","text":"Done.\\n\\n\\n\\nReally."}'
    "#;
    let notes = Notes::default();
    let ended = sh(script)
        .run(&world.order, CancellationToken::new(), &notes)
        .await
        .expect("it starts");
    assert_eq!(
        ended.usage,
        Some(TokenUsage {
            input: 1200,
            output: 340,
            ..TokenUsage::default()
        })
    );
    assert_eq!(ended.cost, Some(MicroUsd(10_000)));
    assert_eq!(
        ended.text, "Done.\n\nReally.",
        "a last line without newline counts"
    );
    assert_eq!(
        (ended.events, ended.stopped, ended.killed),
        (3, None, Killed::default())
    );
    assert_eq!(ended.ended, ended.started.plus(ended.wall));
    let mut notes = notes.0.into_inner().expect("not poisoned");
    notes.sort();
    assert_eq!(notes[0], r#"Line("working")"#);
    assert_eq!(notes.len(), 3);
}

#[tokio::test]
async fn a_program_that_is_not_there_is_an_error_and_probe_says_so() {
    let world = World::new();
    let run = |argv: &[&str]| {
        let argv = argv.iter().map(|&arg| arg.to_owned()).collect();
        let harness = Harness::Command(CommandHarness {
            name: "x".to_owned(),
            argv,
            variables: Variables::new(),
        });
        let order = world.order.clone();
        async move {
            let probed = probe(&harness, None);
            let ran = harness.run(&order, CancellationToken::new(), &()).await;
            (probed, ran)
        }
    };
    let (probed, ran) = run(&["no-such-agent"]).await;
    assert!(matches!(probed, Err(Error::NoProgram { .. })));
    assert!(matches!(ran, Err(Error::NoProgram { .. })));
    // A relative path would be a file of the repository that is worked on.
    for relative in ["./agent", "tools/agent", ""] {
        let (probed, ran) = run(&[relative]).await;
        assert!(
            matches!(
                (probed, ran),
                (Err(Error::BadCommand(_)), Err(Error::BadCommand(_)))
            ),
            "{relative}"
        );
    }
    let (probed, _) = run(&["sh", "-c", ":"]).await;
    assert!(probed.expect("sh is there").is_absolute());
    let mut order = world.order.clone();
    order.worktree = world.root.path().join("gone");
    let ran = sh(":").run(&order, CancellationToken::new(), &()).await;
    assert!(matches!(ran, Err(Error::Folder { .. })));
}

#[tokio::test]
async fn silence_from_the_start_is_stopped_at_the_first_event() {
    let mut world = World::new();
    world.order.limits.first_event = SOON;
    let ended = world.shell("sleep 3600").await;
    assert_eq!(
        (ended.stopped, ended.exit),
        (Some(Stop::FirstEvent), Exit::Signal(15))
    );
    assert_eq!((ended.killed.term, ended.killed.kill), (true, false));
}

#[tokio::test]
async fn silence_after_words_is_stopped_as_idle_and_stays_a_failure() {
    let mut world = World::new();
    world.order.limits.idle = SOON;
    let ended = world
        .shell("trap 'exit 0' TERM; echo 'All done.'; echo x > file; while :; do sleep 0.05; done")
        .await;
    assert_eq!((ended.stopped, ended.exit), (Some(Stop::Idle), Exit::Code(0)));
    assert_eq!(ended.text, "All done.");
    let facts = VerdictFacts {
        must_change: true,
        changed: true,
        tampered: false,
        collected: 0,
        refused: &[],
        wire: &[],
        exact_model: false,
    };
    assert_eq!(
        verdict(&ended, facts),
        Verdict::Failure(FailureClass::Hang { limit: Stop::Idle })
    );
}

#[tokio::test]
async fn blank_lines_are_no_sign_of_life() {
    let mut world = World::new();
    world.order.limits.first_event = SOON;
    let ended = world
        .shell("while :; do printf '\\n  \\t\\n'; sleep 0.01; done")
        .await;
    assert_eq!(ended.stopped, Some(Stop::FirstEvent));
    assert_eq!((ended.events, ended.output_tail.as_str()), (0, ""));

    let world = {
        world.order.limits.idle = SOON;
        world.order.limits.first_event = NEVER;
        world
    };
    let ended = world
        .shell("echo first; while :; do echo; sleep 0.01; done")
        .await;
    assert_eq!(
        (ended.stopped, ended.output_tail.as_str()),
        (Some(Stop::Idle), "first")
    );
}

#[tokio::test]
async fn a_busy_agent_outlives_the_idle_limit_and_meets_the_wall() {
    let mut world = World::new();
    world.order.limits.idle = Duration::from_secs(3);
    world.order.limits.wall = Duration::from_secs(5);
    // Dots without a newline are signs of life too.
    let ended = world.shell("while :; do printf .; sleep 0.05; done").await;
    assert_eq!(ended.stopped, Some(Stop::Wall));
    assert!(ended.text.starts_with("...."));
}

#[tokio::test]
async fn a_shorter_idle_limit_holds_right_after_a_first_event_that_had_more_time() {
    let mut world = World::new();
    world.order.limits.first_event = NEVER;
    world.order.limits.wall = NEVER;
    world.order.limits.idle = SOON;
    let ended = world.shell("echo hello; exec sleep 3600").await;
    assert_eq!(ended.stopped, Some(Stop::Idle));
}

/// Cancels when the agent says something.
struct CancelOnText(CancellationToken);

impl Observer for CancelOnText {
    fn saw(&self, progress: Progress<'_>) {
        if let Progress::Text(_) = progress {
            self.0.cancel();
        }
    }
}

#[tokio::test]
async fn cancelling_stops_it_and_is_kept_as_the_reason() {
    let world = World::new();
    let cancel = CancellationToken::new();
    let harness = sh(r#"echo '{"type":"text","text":"ready"}'; exec sleep 3600"#);
    let ended = harness
        .run(&world.order, cancel.clone(), &CancelOnText(cancel.clone()))
        .await
        .expect("it starts");
    assert_eq!(ended.stopped, Some(Stop::Cancelled));
}

#[tokio::test]
async fn a_child_that_ignores_the_polite_signal_is_killed_after_the_grace() {
    let mut world = World::new();
    world.order.limits.idle = SOON;
    world.order.limits.grace = Duration::from_millis(300);
    let ended = world
        .shell("trap '' TERM; echo $$; while :; do sleep 0.05; done")
        .await;
    assert_eq!((ended.stopped, ended.exit), (Some(Stop::Idle), Exit::Signal(9)));
    assert!(ended.killed.term && ended.killed.kill && ended.killed.survivors == 0);
    assert!(!lives(&ended.text));
}

/// Writes its process id to `pid` from a session of its own, without a parent, ignoring TERM.
const ORPHAN: &str = "
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open('pid.new', 'w').write(str(os.getpid()))
        os.rename('pid.new', 'pid')
        if KEEP_OUTPUT:
            print('still here', flush=True)
        else:
            os.closerange(0, 3)
        time.sleep(3600)
    os._exit(0)
while not os.path.exists('pid'):
    time.sleep(0.01)
print('parent done', flush=True)
";

#[tokio::test]
async fn an_orphan_in_a_session_of_its_own_does_not_survive() {
    let world = World::new();
    let ended = world.run(&python(&ORPHAN.replace("KEEP_OUTPUT", "False"))).await;
    assert_eq!(
        (ended.exit, ended.stopped),
        (Exit::Code(0), None),
        "{}",
        ended.output_tail
    );
    assert_eq!((ended.killed.leftovers, ended.killed.survivors), (1, 0));
    assert!(!lives(&world.read("pid")));
}

#[tokio::test]
async fn an_orphan_that_keeps_the_output_open_does_not_hang_the_reader() {
    let world = World::new();
    let ended = world.run(&python(&ORPHAN.replace("KEEP_OUTPUT", "True"))).await;
    assert_eq!(
        (ended.exit, ended.stopped),
        (Exit::Code(0), None),
        "{}",
        ended.output_tail
    );
    assert_eq!(ended.killed.leftovers, 1);
    assert!(ended.text.contains("parent done") && ended.text.contains("still here"));
    assert!(!lives(&world.read("pid")));
}

#[tokio::test]
async fn children_that_cleared_their_environment_are_found_by_their_parents() {
    let mut world = World::new();
    world.order.limits.idle = SOON;
    world.order.limits.grace = Duration::from_millis(200);
    let script = "
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(['/bin/sh', '-c', 'trap \"\" TERM; : > trapped; while :; do sleep 0.1; done'], env={}, start_new_session=True)
while not os.path.exists('trapped'):
    time.sleep(0.01)
print(child.pid, flush=True)
time.sleep(3600)
";
    let ended = world.run(&python(script)).await;
    assert_eq!(ended.stopped, Some(Stop::Idle));
    assert!(ended.killed.leftovers >= 1);
    assert!(!lives(&ended.text), "process {}", ended.text);
}

#[tokio::test]
async fn a_dropped_attempt_leaves_nothing_alive() {
    let world = World::new();
    let harness = python(
        &ORPHAN
            .replace("KEEP_OUTPUT", "True")
            .replace("print('parent done', flush=True)", "time.sleep(3600)"),
    );
    let (order, pid) = (world.order.clone(), world.order.worktree.join("pid"));
    let task = tokio::spawn(async move { harness.run(&order, CancellationToken::new(), &()).await });
    wait_for(&pid).await;
    task.abort();
    let _ = task.await;
    let pid = world.read("pid");
    gone(&pid).await;
}

#[tokio::test]
async fn leftovers_of_a_dead_server_are_found_by_its_mark_and_nobody_elses_are_touched() {
    let (mine, other) = (World::new(), World::new());
    let script = "trap '' TERM; echo $$ > pid.new; mv pid.new pid; while :; do sleep 0.1; done";
    let start = |world: &World| {
        let order = world.order.clone();
        tokio::spawn(async move { sh(script).run(&order, CancellationToken::new(), &()).await })
    };
    let (first, second) = (start(&mine), start(&other));
    wait_for(&mine.order.worktree.join("pid")).await;
    wait_for(&other.order.worktree.join("pid")).await;

    let wrong = mine.order.server.of_attempt(&key(1, 2));
    assert_eq!(
        kill_leftovers(&wrong).await,
        (vec![], 0),
        "another attempt is not this one"
    );
    let (found, survivors) = kill_leftovers(&mine.order.server).await;
    assert_eq!(survivors, 0);
    let pid: i32 = mine.read("pid").trim().parse().expect("a process id");
    let shell = found
        .iter()
        .find(|leftover| leftover.pid == pid)
        .expect("the shell is among them");
    assert_eq!(shell.attempt, Some(key(1, 1)));
    let ended = first.await.expect("joined").expect("it started");
    assert_eq!(
        ended.exit,
        Exit::Signal(9),
        "the kill came from elsewhere, and is seen"
    );
    assert!(lives(&other.read("pid")));
    second.abort();
    let _ = second.await;
}

#[tokio::test]
async fn the_agent_of_a_server_that_was_killed_goes_on_until_the_next_start() {
    let world = World::new();
    let agent = "trap '' TERM HUP PIPE; echo $$ > pid.new; mv pid.new pid; while :; do sleep 0.1; done";
    let mut server = serve(world.root.path(), agent);
    wait_for(&world.order.worktree.join("pid")).await;
    server.kill().expect("killed");
    server.wait().expect("reaped");
    assert!(lives(&world.read("pid")), "nothing but the next start ends it");

    let (found, survivors) = kill_leftovers(&world.order.server).await;
    assert!(found.iter().any(|leftover| leftover.attempt == Some(key(1, 1))));
    assert_eq!(survivors, 0);
    assert!(!lives(&world.read("pid")));
}

#[tokio::test]
async fn an_attempt_that_was_cancelled_before_its_start_does_nothing() {
    let world = World::new();
    let cancel = CancellationToken::new();
    cancel.cancel();
    let ended = sh(": > file")
        .run(&world.order, cancel, &())
        .await
        .expect("no error");
    assert_eq!(ended.stopped, Some(Stop::Cancelled));
    assert!(!world.order.worktree.join("file").exists());
}

#[tokio::test]
async fn a_flood_is_stopped_and_does_not_fill_the_memory() {
    let mut world = World::new();
    world.order.limits.output = 8 * 1024 * 1024;
    let ended = world.shell("exec yes 'all work and no play'").await;
    assert_eq!(ended.stopped, Some(Stop::OutputFlood));
    assert!(ended.text.len() <= 64 * 1024 && ended.output_tail.len() <= 16 * 1024);
    // One line without end.
    let ended = world.shell("tr '\\0' x < /dev/zero").await;
    assert_eq!(ended.stopped, Some(Stop::OutputFlood));
    assert!(ended.text.len() <= 64 * 1024 && ended.output_tail.len() <= 16 * 1024);
}

#[tokio::test]
async fn invalid_utf_8_and_terminal_sequences_are_made_readable() {
    let world = World::new();
    let script =
        r#"printf 'caf\303\251 \377\376 \033[31mred\033[0m\r\n'; printf '{"type":"text","text":"\377"}\n'"#;
    let ended = world.shell(script).await;
    assert!(
        ended.text.starts_with("café \u{fffd}\u{fffd} red\n"),
        "{:?}",
        ended.text
    );
    assert_eq!(ended.exit, Exit::Code(0));
}

#[tokio::test]
async fn a_crash_in_the_midst_of_a_line_is_a_crash() {
    let world = World::new();
    let ended = world
        .shell(r#"printf '{"type":"text","text":"I was just'; kill -SEGV $$"#)
        .await;
    assert_eq!((ended.exit, ended.stopped), (Exit::Signal(11), None));
    assert_eq!(ended.output_tail, r#"{"type":"text","text":"I was just"#);
    assert_eq!(ended.exit.to_string(), "SIGSEGV");
}

#[tokio::test]
async fn everything_printed_before_the_end_is_read() {
    let world = World::new();
    let ended = world
        .shell("i=0; while [ $i -lt 3000 ]; do echo line $i; echo err $i >&2; i=$((i+1)); done")
        .await;
    assert_eq!(ended.events, 6000);
    assert!(ended.text.ends_with("line 2999"));
}

#[tokio::test]
async fn a_script_is_played_as_a_real_process() {
    let world = World::new();
    std::fs::write(world.order.worktree.join("a.txt"), "one two").expect("written");
    let harness = world.scripted(
        "
implement:
  1:
    - text: Working.
    - usage: {input_tokens: 5, output_tokens: 6, cache_read_tokens: 7, cost_usd: 0.5}
    - edit: {file: a.txt, find: two, replace: three}
    - edit: {file: a.txt, find: four, replace: five}
    - write: {file: deep/b.txt, content: hello}
    - artifact: {name: implementation.md, content: done}
    - failed_edits: 2
    - shell: echo $FOOTPLATE_NODE > node.txt
    - exit: 7
  default: [hang]
",
    );
    let ended = world.run(&harness).await;
    assert_eq!(ended.exit, Exit::Code(7), "{}", ended.output_tail);
    assert_eq!(ended.text, "Working.");
    assert_eq!(
        ended.usage,
        Some(TokenUsage {
            input: 5,
            output: 6,
            cache_read: 7,
            cache_write: 0,
            ..TokenUsage::default()
        })
    );
    assert_eq!(ended.cost, Some(MicroUsd(500_000)));
    assert_eq!(ended.edit_failures, ["a.txt", "file-1", "file-2"]);
    assert_eq!(
        (world.read("a.txt").as_str(), world.read("deep/b.txt").as_str()),
        ("one three", "hello")
    );
    assert_eq!(world.read(".footplate/implementation.md"), "done");
    assert_eq!(world.read("node.txt"), "implement\n");
}

#[tokio::test]
async fn a_patch_is_applied_or_reported() {
    let world = World::new();
    std::fs::write(world.order.worktree.join("a.txt"), "one\n").expect("written");
    let harness = world.scripted(
        "
implement:
  - patch: |
      --- a/a.txt
      +++ b/a.txt
      @@ -1 +1 @@
      -one
      +two
  - patch: nonsense
",
    );
    let ended = world.run(&harness).await;
    assert_eq!(ended.exit, Exit::Code(0), "{}", ended.output_tail);
    assert_eq!(world.read("a.txt"), "two\n");
    assert_eq!(ended.edit_failures, ["a patch"]);
}

#[tokio::test]
async fn a_scripted_agent_can_misbehave_in_every_way_and_leaves_nothing_alive() {
    let mut world = World::new();
    world.order.limits.grace = Duration::from_millis(300);
    std::fs::write(world.order.worktree.join(".git"), "gitdir: /somewhere\n").expect("written");
    let harness = world.scripted(
        "
implement:
  1:
    - ignore_term
    - grandchild: trap '' TERM; echo $$ > pid.new; mv pid.new pid; while :; do sleep 0.1; done
    - wait_for: pid
    - replace_git
    - link_artifact: {name: plan.md, target: /etc/passwd}
    - text: ready
    - hang
  2: [crash]
  3: [blank_flood]
  4: [flood]
",
    );
    let cancel = CancellationToken::new();
    let ended = harness
        .run(&world.order, cancel.clone(), &CancelOnText(cancel))
        .await
        .expect("it starts");
    assert_eq!(
        (ended.stopped, ended.exit),
        (Some(Stop::Cancelled), Exit::Signal(9)),
        "{}",
        ended.output_tail
    );
    assert!(ended.killed.leftovers >= 1 && ended.killed.survivors == 0);
    assert!(!lives(&world.read("pid")));
    assert!(world.read(".git").contains("elsewhere"));
    assert!(world.order.artifacts.join("plan.md").is_symlink());

    world.order.key = key(1, 2);
    let ended = world.run(&harness).await;
    assert_eq!(ended.exit, Exit::Signal(9));
    assert!(
        ended.output_tail.ends_with("I was just about to"),
        "{}",
        ended.output_tail
    );

    world.order.key = key(1, 3);
    world.order.limits.idle = SOON;
    assert_eq!(world.run(&harness).await.stopped, Some(Stop::Idle));

    world.order.key = key(1, 4);
    world.order.limits.output = 1024 * 1024;
    assert_eq!(world.run(&harness).await.stopped, Some(Stop::OutputFlood));

    world.order.key = key(1, 5);
    let ended = world.run(&harness).await;
    assert_eq!(ended.exit, Exit::Code(78));
    assert!(
        ended.output_tail.contains("nothing is written for implement"),
        "{}",
        ended.output_tail
    );
    assert!(probe(&harness, None).is_ok_and(|program| program == this_program()));
}

/// Waits until a file is there; the test's own limit is a minute.
async fn wait_for(file: &std::path::Path) {
    let there = async {
        while !file.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), there)
        .await
        .expect("the child gets there");
}

/// Waits until a process that was killed is gone.
async fn gone(pid: &str) {
    let gone = async {
        while lives(pid) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), gone)
        .await
        .expect("it is gone");
}

/// A command-line agent that prints this and then runs the rest of the script.
fn acting(world: &World, cli: Cli, script: &str) -> CliHarness {
    use std::os::unix::fs::PermissionsExt;
    let program = world.root.path().join("actor");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("written");
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("executable");
    CliHarness {
        program: program.to_string_lossy().into_owned(),
        ..CliHarness::new(cli)
    }
}

const COMPLETED: &str = r#"echo '{"type":"turn.completed","usage":{"input_tokens":9,"output_tokens":1}}'"#;

#[tokio::test]
async fn an_agent_that_does_not_exit_after_its_last_word_is_killed_and_counted_by_it() {
    let mut world = World::new();
    world.order.limits.idle = NEVER;
    world.order.limits.wall = NEVER;
    let said = r#"echo '{"type":"item.completed","item":{"id":"1","type":"agent_message","text":"Done."}}'"#;
    let harness = acting(
        &world,
        Cli::Codex,
        &format!("{said}\n{COMPLETED}\nexec sleep 3600"),
    );
    let ended = world.run(&harness).await;
    assert_eq!((ended.lingered, ended.stopped), (true, None));
    let last = ended.terminal.as_ref().expect("a last word");
    assert_eq!((last.ok, last.text.as_str()), (true, "Done."));
    let facts = VerdictFacts {
        must_change: false,
        changed: false,
        tampered: false,
        collected: 0,
        refused: &[],
        wire: &[],
        exact_model: false,
    };
    assert_eq!(verdict(&ended, facts), Verdict::Success);
}

#[tokio::test]
async fn a_tool_at_work_is_no_silence_until_its_own_limit() {
    let mut world = World::new();
    world.order.limits.idle = SOON;
    let started = r#"echo '{"type":"item.started","item":{"id":"1","type":"command_execution"}}'"#;
    let ended_tool = r#"echo '{"type":"item.completed","item":{"id":"1","type":"command_execution"}}'"#;
    let script = format!("{started}\nsleep 2\n{ended_tool}\n{COMPLETED}");
    let ended = world.run(&acting(&world, Cli::Codex, &script)).await;
    assert_eq!((ended.stopped, ended.exit), (None, Exit::Code(0)));

    world.order.limits.tool = SOON;
    let ended = world
        .run(&acting(
            &world,
            Cli::Codex,
            &format!("{started}\nexec sleep 3600"),
        ))
        .await;
    assert_eq!(ended.stopped, Some(Stop::Idle));
}

#[tokio::test]
async fn events_of_blank_text_are_no_sign_of_life() {
    let mut world = World::new();
    world.order.limits.first_event = SOON;
    let blank = r#"{"type":"message","role":"assistant","content":"\\n\\n \\n","delta":true}"#;
    let harness = acting(
        &world,
        Cli::Gemini,
        &format!("while :; do echo '{blank}'; sleep 0.01; done"),
    );
    let ended = world.run(&harness).await;
    assert_eq!(ended.stopped, Some(Stop::FirstEvent));
    assert_eq!(ended.text, "");
}

#[tokio::test]
async fn each_agent_gets_the_brief_on_standard_input_and_its_settings_in_the_private_home() {
    for cli in Cli::ALL {
        let mut world = World::new();
        let brief = "A brief beyond what an argument can hold. ".repeat(5_000);
        std::fs::write(&world.order.brief, &brief).expect("written");
        world.order.model = Some("some-model".to_owned());
        world.order.model_url = Some("http://127.0.0.1:9/a/token".to_owned());
        world.order.model_key = Some("dummy-key".to_owned().into());
        let script =
            "cat > brief.txt; printf '%s\\n' \"$@\" > argv.txt; env | sort > env.txt; find \"$HOME\" -type f";
        let ended = world.run(&acting(&world, cli, script)).await;
        assert_eq!(ended.exit, Exit::Code(0), "{}", ended.output_tail);
        assert_eq!(world.read("brief.txt"), brief);
        let (argv, env) = (world.read("argv.txt"), world.read("env.txt"));
        assert!(
            !argv.contains("dummy-key") && argv.contains("some-model"),
            "{argv}"
        );
        assert!(env.contains("=dummy-key\n"), "{env}");
        assert!((argv + &env).contains("http://127.0.0.1:9/a/token"));
        let last = ended.terminal.expect("its absence is written down");
        assert_eq!(last.error.map(|error| error.kind), Some(TerminalKind::NoResult));
        let settings = match cli {
            Cli::Claude => continue,
            Cli::Codex => ".codex/.keep",
            Cli::Gemini => ".gemini/settings.json",
            Cli::Qwen => ".qwen/settings.json",
        };
        assert!(world.order.home.join(settings).is_file(), "{settings}");
    }
}
