//! Reactions; GitHub sends no webhook for them.

use super::super::problem::Problem;
use super::super::world::{Actor, Reaction, World};

/// The eight reactions there are.
const CONTENTS: &[&str] = &[
    "+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes",
];

/// What a reaction is put on.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Target {
    /// The opening text of an issue or a pull request: repository and number.
    Thread(u64, u64),
    /// A comment.
    Comment(u64),
}

impl World {
    /// The reactions on something.
    pub(in super::super) fn reactions_mut(&mut self, target: Target) -> Result<&mut Vec<Reaction>, Problem> {
        match target {
            Target::Thread(repository, number) => Ok(&mut self.thread_mut(repository, number)?.reactions),
            Target::Comment(id) => Ok(&mut self.comment_mut(id)?.reactions),
        }
    }

    /// Puts a reaction on something; the second of its kind by the same account is the first one again.
    ///
    /// Returns the reaction and whether it is new.
    pub(in super::super) fn react(
        &mut self,
        target: Target,
        actor: Actor,
        content: &str,
    ) -> Result<(Reaction, bool), Problem> {
        if !CONTENTS.contains(&content) {
            return Err(Problem::invalid("Reaction", "content", "invalid"));
        }
        let (id, now) = (self.fresh_id(), self.now());
        let reactions = self.reactions_mut(target)?;
        if let Some(old) = reactions
            .iter()
            .find(|r| r.user == actor.account && r.content == content)
        {
            return Ok((old.clone(), false));
        }
        let new = Reaction {
            id,
            user: actor.account,
            content: content.to_owned(),
            created_at: now,
        };
        reactions.push(new.clone());
        Ok((new, true))
    }
}
