//! The world as text, for the failure message of a test.

use std::fmt::Write as _;

use super::world::World;

/// How many requests and deliveries a picture shows; the last ones tell most.
const SHOWN: usize = 30;

impl World {
    /// A picture of the world: threads, deliveries, requests, violations.
    pub fn dump(&self) -> String {
        let mut out = String::new();
        self.write_dump(&mut out).unwrap_or_default();
        out
    }

    fn write_dump(&self, out: &mut String) -> std::fmt::Result {
        for repository in self.repositories.values() {
            writeln!(out, "repository {}", repository.full_name())?;
            for thread in repository.threads.values() {
                let kind = if thread.pull.is_some() {
                    "pull request"
                } else {
                    "issue"
                };
                let state = if thread.open { "open" } else { "closed" };
                let labels = repository.labels_of(thread).join(", ");
                writeln!(
                    out,
                    "  {kind} #{} {state} [{labels}] {:?}",
                    thread.number, thread.title
                )?;
                if let Some(pull) = &thread.pull {
                    let merged = if pull.merged_at.is_some() { ", merged" } else { "" };
                    writeln!(
                        out,
                        "    {} -> {} at {}{merged}",
                        pull.head_ref, pull.base_ref, pull.head_sha
                    )?;
                }
                for comment in &thread.comments {
                    let author = self
                        .accounts
                        .get(&comment.author)
                        .map_or("ghost", |a| a.login.as_str());
                    let start: String = comment.body.chars().take(300).collect();
                    writeln!(out, "    {} {author}: {start:?}", comment.id)?;
                }
            }
        }
        writeln!(
            out,
            "deliveries ({} waiting, {} on their way)",
            self.outbox.len(),
            self.in_flight
        )?;
        for delivery in self
            .deliveries
            .iter()
            .skip(self.deliveries.len().saturating_sub(SHOWN))
        {
            let action = delivery.action.as_deref().unwrap_or("-");
            let answers: Vec<String> = delivery
                .attempts
                .iter()
                .map(|a| a.status.map_or_else(|| a.response.clone(), |s| s.to_string()))
                .collect();
            let dropped = if delivery.dropped { " dropped" } else { "" };
            writeln!(
                out,
                "  {} {} {action} -> [{}]{dropped}",
                delivery.guid,
                delivery.event,
                answers.join(", ")
            )?;
        }
        writeln!(out, "requests ({})", self.requests.len())?;
        for request in self
            .requests
            .iter()
            .skip(self.requests.len().saturating_sub(SHOWN))
        {
            write!(out, "  {} {} -> {}", request.method, request.path, request.status)?;
            if request.status >= 400 {
                let message = request
                    .answer
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                write!(out, " {}", message.chars().take(300).collect::<String>())?;
            }
            writeln!(out)?;
        }
        for struck in &self.faults.struck {
            writeln!(out, "fault: {struck}")?;
        }
        for violation in &self.violations {
            writeln!(out, "violation: {violation}")?;
        }
        Ok(())
    }
}
