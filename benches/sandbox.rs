//! What confining adds to the start of a child: `true`, in every tier that works here, with the meter behind its
//! door and a repository that may only be read, beside the same without a sandbox in the same round.
//!
//! `cargo bench --bench sandbox`, `-- --rounds N`, `--program FILE` (another build of `footplate`, to compare).

mod measure;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, anyhow};
use footplate::agent::DEFAULT_PATH;
use footplate::agent::sandbox::{Confinement, Door, Git, Host, OwnProgram, Sandbox, Tier, trial};
use measure::{Figures, Table, option, say, usage, word};
use tokio::time::Instant;

/// The most milliseconds that a sandbox may add.
const GOAL: f64 = 50.0;
/// Rounds, in each of which every tier has its turn.
const ROUNDS: u64 = 100;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let program = word("program").unwrap_or_else(|| env!("CARGO_BIN_EXE_footplate").to_owned());
    let host = Host::look(OwnProgram::new(PathBuf::from(program)), DEFAULT_PATH);
    let folder = tempfile::tempdir()?;
    let (confinement, _meter) = world(folder.path())?;
    let bare = Confinement {
        meter: None,
        ..confinement.clone()
    };
    let kinds = [
        (Tier::None, "no sandbox", &confinement),
        (
            Tier::Bubblewrap,
            "bubblewrap, with the meter's door",
            &confinement,
        ),
        (Tier::Bubblewrap, "bubblewrap, without any door", &bare),
        (Tier::Landlock, "landlock, with the meter's door", &confinement),
    ];
    let mut works = Vec::new();
    for (tier, name, confinement) in kinds {
        let sandbox = Sandbox::new(tier, host.clone());
        match trial(&sandbox, confinement).await {
            Ok(()) => works.push((sandbox, name, confinement, Cost::default())),
            Err(why) => say(&format!("{name} does not work here: {why}")),
        }
    }
    for _ in 0..option("rounds", ROUNDS) {
        for (sandbox, _, confinement, cost) in &mut works {
            let (before, at) = (cpu()?, Instant::now());
            trial(sandbox, confinement).await.map_err(|why| anyhow!(why))?;
            cost.wall.add_ms(at.elapsed());
            cost.cpu.add_ms(cpu()?.saturating_sub(before));
        }
    }
    let mut table = Table::new(
        "Starting `true` and waiting for its end, in ms",
        &["", "wall", "CPU", "added wall", "added CPU", "goal"],
    );
    let floor = works
        .first()
        .map(|(.., cost)| (cost.wall.median(), cost.cpu.median()));
    for (sandbox, name, _, cost) in &works {
        let added = |figures: &Figures, floor: Option<f64>| match floor {
            Some(floor) if sandbox.tier().confines() => format!("{:.1}", figures.median() - floor),
            _ => String::new(),
        };
        table.row(vec![
            (*name).to_owned(),
            cost.wall.show(),
            cost.cpu.show(),
            added(&cost.wall, floor.map(|floor| floor.0)),
            added(&cost.cpu, floor.map(|floor| floor.1)),
            if sandbox.tier().confines() {
                format!("at most {GOAL} added")
            } else {
                "floor".to_owned()
            },
        ]);
    }
    table.print();
    Ok(())
}

/// What one kind costs.
#[derive(Default)]
struct Cost {
    wall: Figures,
    cpu: Figures,
}

/// Of this process and of all that it started and that ended.
fn cpu() -> Result<Duration> {
    Ok(usage::own_cpu()? + usage::children_cpu()?)
}

/// What a child of real use is given: a worktree, a home, a mirror, and the meter's socket with somebody behind it.
fn world(root: &Path) -> Result<(Confinement, std::os::unix::net::UnixListener)> {
    let path = |name: &str| root.join(name);
    for name in ["tree", "home/tmp", "mirror"] {
        std::fs::create_dir_all(path(name))?;
    }
    std::fs::write(
        path("tree/.git"),
        format!("gitdir: {}\n", path("mirror").display()),
    )?;
    std::fs::write(path("brief.md"), "Do it.")?;
    let listener = std::os::unix::net::UnixListener::bind(path("meter.sock"))?;
    let confinement = Confinement {
        git: Some(Git {
            directory: path("mirror"),
            link: path("tree/.git"),
        }),
        readable: vec![path("brief.md")],
        meter: Some(Door {
            port: 4000,
            socket: path("meter.sock"),
        }),
        ..Confinement::new(path("tree"), path("home"))
    };
    Ok((confinement, listener))
}
