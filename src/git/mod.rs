//! Git: mirrors, worktrees, snapshots, commits and pushes.
