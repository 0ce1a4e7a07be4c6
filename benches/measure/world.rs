//! A run for the engine to work on, without GitHub.

use std::collections::BTreeMap;

use anyhow::Result;
use footplate::contract::declared_fields;
use footplate::engine::{Error, Reading, Reception, addresses};
use footplate::model::{
    BranchName, CommentId, CommitId, ContentHash, InstallationId, IssueNumber, Login, RepositoryId,
    RepositoryName, Role, RunId,
};
use footplate::publish::{self, Context, Intend, Kept, PlanComment, Publisher};
use footplate::run::{Created, Frozen, Origin, Person, Policy, PublishResult, ReplyKind, ReplyTo};
use footplate::store::InboxRow;
use footplate::workflow::{self, Workflow};

/// A workflow with the policy of a server that has one agent for everything.
pub(crate) fn frozen(source: Option<&str>) -> Result<Frozen> {
    let workflow = match source {
        Some(source) => workflow::parse(source, "bench.yml", &declared_fields)
            .map_err(|problems| anyhow::anyhow!("the workflow is wrong: {problems:?}"))?,
        None => Workflow::built_in(),
    };
    let mut routes = BTreeMap::new();
    for role in [Role::Explore, Role::Plan, Role::Implement, Role::Validate] {
        routes.insert(
            role,
            vec!["agent".parse().map_err(|error| anyhow::anyhow!("{error:?}"))?],
        );
    }
    let policy = Policy {
        routes,
        ..Policy::default()
    };
    Ok(Frozen { workflow, policy })
}

/// The beginning of a run for an issue.
pub(crate) fn created(frozen: &Frozen, run: RunId, base_commit: CommitId) -> Result<Created> {
    let (workflow, policy) = addresses(frozen);
    Ok(Created {
        run,
        origin: Origin::Issue {
            installation: InstallationId(51_234_567),
            repository: RepositoryId(784_578_461),
            name: RepositoryName::new("octo-org/widgets")?,
            number: IssueNumber(1),
        },
        title: "price_half rounds up where it should round down".to_owned(),
        issue_text: ContentHash::of("issue"),
        requester: Person {
            login: Login::new("octocat")?,
            id: None,
        },
        base: BranchName::new("main")?,
        base_commit,
        branch: BranchName::new("footplate/1-price-half-000000")?,
        workflow_name: frozen.workflow.name.clone(),
        workflow,
        policy,
        labels: Vec::new(),
        plan_only: false,
        attended: false,
        nodes: frozen.workflow.nodes.iter().map(|node| node.id.clone()).collect(),
    })
}

/// A comment of ours.
pub(crate) const COMMENT: CommentId = CommentId(2_401_000_001);

/// Publishes nothing and has nobody to speak to.
pub(crate) struct Silent;

impl Publisher for Silent {
    async fn post_plan(&self, _: &Context, plan: &ContentHash) -> Result<PlanComment, publish::Error> {
        Ok(PlanComment {
            comment: COMMENT,
            body: *plan,
        })
    }

    async fn post_status(&self, _: &Context) -> Result<Option<CommentId>, publish::Error> {
        Ok(None)
    }

    async fn reply(&self, _: &Context, _: ReplyTo, _: &ReplyKind) -> Result<(), publish::Error> {
        Ok(())
    }

    async fn collapse(&self, _: &Context, _: CommentId) -> Result<(), publish::Error> {
        Ok(())
    }

    async fn publish(
        &self,
        _: &Context,
        _: &footplate::model::AttemptKey,
        work: &CommitId,
        _: &impl Intend,
    ) -> Result<PublishResult, publish::Error> {
        Ok(PublishResult::Placed { commit: work.clone() })
    }

    async fn hold(&self, _: &Context) -> Result<Kept, publish::Error> {
        Ok(Kept::default())
    }
}

/// Nobody comes in here.
pub(crate) struct Nobody;

impl Reception for Nobody {
    async fn read(&self, _: &InboxRow) -> Result<Vec<Reading>, Error> {
        Ok(Vec::new())
    }
}
