//! The documents that a run's state names, read from the texts of a [`Context`].

use super::{Context, Error};
use crate::contract::{self, Checks, Document, Implementation, Plan, Validation};
use crate::github::Repository;
use crate::model::{ArtifactName, ContentHash, IssueNumber};
use crate::run::{Origin, Run};
use crate::workflow::NodeKind;

/// The place on GitHub that a run belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) repository: Repository,
    pub(super) issue: IssueNumber,
}

impl Place {
    /// The place of a run; `None` for a local one.
    pub(super) fn of(run: &Run) -> Option<Self> {
        match &run.created.origin {
            Origin::Issue {
                installation,
                repository,
                name,
                number,
            } => Some(Self {
                repository: Repository {
                    installation: *installation,
                    id: *repository,
                    name: name.clone(),
                },
                issue: *number,
            }),
            Origin::Local { .. } => None,
        }
    }

    /// The place of a run that has to have one.
    pub(super) fn on_github(run: &Run) -> Result<Self, Error> {
        Self::of(run).ok_or_else(|| Error::Refused {
            why: "The run belongs to no repository on GitHub.".to_owned(),
        })
    }
}

impl Context {
    /// A text by its address; `None` where it was forgotten.
    pub(super) fn text(&self, hash: &ContentHash) -> Option<&str> {
        self.texts.get(hash).map(String::as_str)
    }

    /// The address of the plan in force: the approved one, else the newest that was put to a person, else the
    /// newest that was written.
    pub(super) fn plan_hash(&self) -> Option<ContentHash> {
        let run = &self.run;
        let approved = run.approval.as_ref().map(|approval| approval.plan);
        let newest = || run.plan.as_ref().map(|plan| plan.hash);
        let written = || {
            let name = ArtifactName::new("plan.md").ok()?;
            let producer = self.frozen.workflow.producer(&name)?;
            run.node(&producer.id)?.artifacts.get(&name).copied()
        };
        approved.or_else(newest).or_else(written)
    }

    /// A plan by its address; `None` where it was forgotten or is no plan.
    pub(super) fn plan_at(&self, hash: &ContentHash) -> Option<Plan> {
        let name = ArtifactName::new("plan.md").ok()?;
        match contract::parse(&name, self.text(hash)?) {
            Ok(Document::Plan(plan)) => Some(plan),
            _ => None,
        }
    }

    /// Whether the workflow has a plan at all; one without lets its agents touch every file.
    pub(super) fn is_planned(&self) -> bool {
        self.frozen.workflow.nodes.iter().any(|node| {
            node.writes.iter().any(|name| name.stem() == "plan") || matches!(node.kind, NodeKind::Gate(_))
        })
    }

    /// What the implementer says it did, where it is known.
    pub(super) fn implementation(&self) -> Option<Implementation> {
        self.newest(|document| match document {
            Document::Implementation(implementation) => Some(implementation),
            _ => None,
        })
    }

    /// What our own commands said last.
    pub(super) fn checks(&self) -> Option<Checks> {
        self.newest(|document| match document {
            Document::Checks(checks) => Some(checks),
            _ => None,
        })
    }

    /// What the last validator said.
    pub(super) fn validation(&self) -> Option<Validation> {
        self.newest(|document| match document {
            Document::Validation(validation) => Some(validation),
            _ => None,
        })
    }

    /// The last document, in the order of the workflow, that `pick` wants.
    fn newest<D>(&self, pick: impl Fn(Document) -> Option<D>) -> Option<D> {
        self.frozen
            .workflow
            .nodes
            .iter()
            .rev()
            .filter_map(|node| self.run.node(&node.id))
            .flat_map(|node| &node.artifacts)
            .find_map(|(name, hash)| pick(contract::parse(name, self.text(hash)?).ok()?))
    }
}
