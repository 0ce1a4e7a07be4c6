//! `plan.md`: what is to be done, and what nothing else may touch.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Files;
use super::exploration::read_files;
use super::front::{Fields, Front, short};

/// The longest summary in characters: it becomes a title.
const LONGEST_SUMMARY: usize = 300;

/// What a plan says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// One line for people.
    pub summary: String,
    /// Globs relative to the repository's root; nothing else may change.
    pub files: Vec<String>,
    /// At least one.
    pub steps: Vec<Step>,
    /// `sh -c` strings, run at the repository's root before and after the work.
    pub tests: Vec<String>,
    /// What must hold in the end; at least one.
    pub criteria: Vec<String>,
    /// What may go wrong.
    pub risks: Vec<String>,
    /// What only a person can answer; while there is one, the plan cannot be approved.
    pub questions: Vec<String>,
    /// How much work it is.
    pub size: Size,
    /// The prose after the front block.
    pub body: String,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// From 1, unique within the plan.
    pub id: u32,
    /// One line.
    pub title: String,
    /// What kind of work it is, which names its route.
    pub class: StepClass,
    /// The files of this step, all of them among the plan's.
    pub files: Vec<String>,
    /// The steps that come before.
    pub needs: Vec<u32>,
}

/// What kind of work a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepClass {
    /// What the program does.
    Logic,
    /// What people look at.
    Design,
    /// What people read.
    Content,
    /// What proves it.
    Tests,
}

/// How much work a plan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// Minutes.
    Small,
    /// An hour.
    Medium,
    /// More.
    Large,
}

impl Plan {
    /// Whether a glob of `files` matches the path or names a directory above it.
    ///
    /// For many paths make [`Plan::scope`] once.
    pub fn touches(&self, path: &str) -> bool {
        self.scope().touches(path)
    }

    /// The compiled globs of `files`.
    pub fn scope(&self) -> Files {
        Files::new(self.files.iter().map(String::as_str))
    }

    /// Whether it can be approved: no question is open.
    pub fn is_approvable(&self) -> bool {
        self.questions.is_empty()
    }

    pub(super) fn read(front: &mut Front) -> Option<Self> {
        let body = front.body.clone();
        let known = [
            "summary",
            "files",
            "steps",
            "tests",
            "criteria",
            "risks",
            "questions",
            "size",
        ];
        let mut fields = front.fields(&known);
        let summary = fields.text("summary");
        if summary
            .as_ref()
            .is_some_and(|text| text.chars().count() > LONGEST_SUMMARY)
        {
            fields.find(
                "summary",
                format!(
                    "`summary` is longer than {LONGEST_SUMMARY} characters; the prose below is for more."
                ),
            );
        }
        for name in ["files", "tests"] {
            if !fields.has(name) {
                fields.find(
                    name,
                    format!("`{name}` is missing in the front block; it wants a list."),
                );
            }
        }
        let files = read_files(&mut fields);
        if fields.has("files") && fields.is_empty("files") {
            fields.find(
                "files",
                "`files` is empty; list every file or folder that the work may change.",
            );
        }
        let steps = read_steps(&mut fields, &files);
        let tests = fields.commands("tests");
        let criteria: Vec<String> = texts(&mut fields, "criteria");
        if fields.is_empty("criteria") {
            fields.find(
                "criteria",
                "There is no criterion; list under `criteria` what must hold in the end.",
            );
        }
        let risks = texts(&mut fields, "risks");
        let questions = texts(&mut fields, "questions");
        let sizes = [
            ("small", Size::Small),
            ("medium", Size::Medium),
            ("large", Size::Large),
        ];
        let size = fields.choice("size", &sizes);
        Some(Self {
            summary: summary?,
            files,
            steps,
            tests,
            criteria,
            risks,
            questions,
            size: size?,
            body,
        })
    }
}

impl StepClass {
    /// All classes.
    pub const ALL: [Self; 4] = [Self::Logic, Self::Design, Self::Content, Self::Tests];

    /// The class of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == name)
    }

    /// The class's name as a plan writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Logic => "logic",
            Self::Design => "design",
            Self::Content => "content",
            Self::Tests => "tests",
        }
    }
}

impl Size {
    /// The size's name as a plan writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
        }
    }
}

fn texts(fields: &mut Fields<'_>, name: &str) -> Vec<String> {
    fields.texts(name).into_iter().map(|(_, text)| text).collect()
}

fn read_steps(fields: &mut Fields<'_>, files: &[String]) -> Vec<Step> {
    let classes = StepClass::ALL.map(|class| (class.as_str(), class));
    let scope = Files::new(files.iter().map(String::as_str));
    // What was not understood is told already; nothing is said about what may hang on it.
    let all_files = files.len() == fields.count("files");
    let steps = fields.each("steps", &["id", "title", "class", "files", "needs"], |step| {
        let id = step.number("id");
        let title = step.text("title");
        let class = step.choice("class", &classes);
        let own = read_files(step);
        for file in &own {
            if all_files && !files.contains(file) && !scope.touches(file.trim_end_matches('/')) {
                let message = format!(
                    "A step names `{}`, which the plan's `files` do not cover; add it there.",
                    short(file)
                );
                step.find("files", message);
            }
        }
        let needs = step.numbers("needs");
        Some(Step {
            id: id?,
            title: title?,
            class: class?,
            files: own,
            needs,
        })
    });
    if !fields.has("steps") {
        fields.find(
            "steps",
            "`steps` is missing in the front block; a plan has at least one step.",
        );
    } else if fields.is_empty("steps") {
        fields.find("steps", "`steps` is empty; a plan has at least one step.");
    }
    let ids: BTreeSet<u32> = steps.iter().map(|(_, step)| step.id).collect();
    let all_steps = steps.len() == fields.count("steps");
    let mut seen = BTreeSet::new();
    for (line, step) in &steps {
        if !seen.insert(step.id) {
            fields.find_at(
                *line,
                format!("There are two steps with the id {}; give each its own.", step.id),
            );
        }
        for need in &step.needs {
            if all_steps && !ids.contains(need) {
                fields.find_at(
                    *line,
                    format!("Step {} needs step {need}, which does not exist.", step.id),
                );
            }
        }
    }
    if let Some((line, id)) = in_a_circle(&steps) {
        fields.find_at(
            line,
            format!("Step {id} needs itself, directly or through other steps; put the steps in an order."),
        );
    }
    steps.into_iter().map(|(_, step)| step).collect()
}

/// A step that can never begin because its needs lead back to it.
fn in_a_circle(steps: &[(u32, Step)]) -> Option<(u32, u32)> {
    let mut open: BTreeMap<u32, (u32, BTreeSet<u32>)> = steps
        .iter()
        .map(|(line, step)| (step.id, (*line, step.needs.iter().copied().collect())))
        .collect();
    let known: BTreeSet<u32> = open.keys().copied().collect();
    loop {
        let ready = open
            .iter()
            .find(|(_, (_, needs))| {
                !needs
                    .iter()
                    .any(|need| open.contains_key(need) && known.contains(need))
            })
            .map(|(id, _)| *id);
        match ready {
            Some(id) => open.remove(&id),
            // What is left waits for a circle; whoever waits for itself is in one.
            None => {
                return open
                    .iter()
                    .find(|(id, _)| reaches(&open, **id))
                    .map(|(id, (line, _))| (*line, *id));
            }
        };
    }
}

fn reaches(open: &BTreeMap<u32, (u32, BTreeSet<u32>)>, from: u32) -> bool {
    let mut seen = BTreeSet::new();
    let mut stack = vec![from];
    while let Some(next) = stack.pop() {
        for need in open.get(&next).into_iter().flat_map(|(_, needs)| needs) {
            if *need == from {
                return true;
            }
            if seen.insert(*need) {
                stack.push(*need);
            }
        }
    }
    false
}
