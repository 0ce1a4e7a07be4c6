//! Who we are on GitHub, and how people are credited.

use crate::github::{Comment, Pull};
use crate::model::{AppId, UserId};
use crate::run::Person;

/// The App as whose bot we comment and commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The App's id.
    pub app: AppId,
    /// The App's name in addresses, such as `footplate`.
    pub slug: String,
    /// The id of the App's bot account.
    pub bot: UserId,
    /// The host of the addresses by which commits are matched to accounts; `users.noreply.github.com` on
    /// github.com, `users.noreply.HOSTNAME` on an enterprise server.
    pub noreply: String,
}

impl Identity {
    /// The login of the App's bot, such as `footplate[bot]`.
    pub fn login(&self) -> String {
        format!("{}[bot]", self.slug)
    }

    /// The bot's e-mail address for commits.
    pub fn email(&self) -> String {
        format!("{}+{}@{}", self.bot, self.login(), self.noreply)
    }

    /// Whether we wrote a comment. Anyone can paste a marker, but not write as our App.
    ///
    /// A person who uses the App writes through it too, so the author has to be a bot besides.
    pub(super) fn wrote(&self, comment: &Comment) -> bool {
        comment.app == Some(self.app) && comment.user.as_ref().is_none_or(|user| user.is_bot)
    }

    /// Whether we opened a pull request.
    pub(super) fn opened(&self, pull: &Pull) -> bool {
        pull.user.as_ref().is_some_and(|user| user.id == self.bot)
    }

    /// The trailer that credits the person who asked.
    pub(super) fn credit(&self, person: &Person) -> String {
        let login = &person.login;
        let address = match person.id {
            Some(id) => format!("{id}+{login}"),
            None => login.to_string(),
        };
        format!("Co-authored-by: {login} <{address}@{}>", self.noreply)
    }
}
