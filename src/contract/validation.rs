//! `validation.md`: what a judge of the result says, and what it is worth.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::front::Front;
use super::{Checks, Verified, files};

/// What the validator says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validation {
    /// Its own verdict; what counts is [`Validation::effective`].
    pub verdict: Verdict,
    /// The plan's criteria, one by one.
    pub criteria: Vec<CriterionResult>,
    /// What it found.
    pub findings: Vec<ValidationFinding>,
    /// The prose after the front block.
    pub body: String,
}

/// Whether the result is good enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is.
    Pass,
    /// It is not.
    Fail,
}

/// Whether a criterion of the plan is met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CriterionResult {
    /// The number of the criterion in the plan, from 1.
    pub criterion: u32,
    /// Whether it is met.
    pub met: bool,
    /// Where one can see it.
    pub evidence: String,
}

/// One thing that the validator found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidationFinding {
    /// How bad it is.
    pub severity: Severity,
    /// The file, relative to the repository's root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line within the file, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// One line.
    pub text: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The result must not be merged.
    Blocker,
    /// It should be mended.
    Major,
    /// It could be better.
    Minor,
}

/// The verdict that counts, with the reasons of a fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effective {
    /// The verdict.
    pub verdict: Verdict,
    /// Why it is a fail, one sentence each; empty for a pass.
    pub reasons: Vec<String>,
}

impl Validation {
    /// The verdict that counts: a pass beside a criterion that is unmet or not judged, a failed check or
    /// a blocker is a fail.
    ///
    /// `criteria` is the number of criteria in the plan; `checks` is `None` where nothing was checked.
    pub fn effective(&self, checks: Option<&Checks>, criteria: usize) -> Effective {
        let mut reasons = Vec::new();
        for result in self.criteria.iter().filter(|result| !result.met) {
            reasons.push(format!(
                "Criterion {} is not met: {}",
                result.criterion,
                sentence(&result.evidence)
            ));
        }
        let last = u32::try_from(criteria).unwrap_or(u32::MAX);
        for number in 1..=last {
            if !self.criteria.iter().any(|result| result.criterion == number) {
                reasons.push(format!("Criterion {number} was not judged."));
            }
        }
        for finding in self
            .findings
            .iter()
            .filter(|finding| finding.severity == Severity::Blocker)
        {
            reasons.push(format!("Blocker: {}", sentence(&finding.text)));
        }
        if let Some(checks) = checks {
            reasons.extend(checks.failures());
            if checks.verified == Verified::False && checks.failures().is_empty() {
                reasons.push("The checks did not verify the result.".to_owned());
            }
        }
        if self.verdict == Verdict::Fail && reasons.is_empty() {
            reasons.push("The validator's verdict is a fail.".to_owned());
        }
        let verdict = if reasons.is_empty() {
            Verdict::Pass
        } else {
            Verdict::Fail
        };
        Effective { verdict, reasons }
    }

    /// How many findings have the severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    }

    pub(super) fn read(front: &mut Front) -> Option<Self> {
        let body = front.body.clone();
        let mut fields = front.fields(&["verdict", "criteria", "findings"]);
        let verdict = fields.choice("verdict", &[("pass", Verdict::Pass), ("fail", Verdict::Fail)]);
        let criteria = fields.each("criteria", &["criterion", "met", "evidence"], |entry| {
            let (criterion, met) = (entry.number("criterion"), entry.truth("met"));
            let evidence = entry.text("evidence");
            if criterion == Some(0) {
                entry.find("criterion", "Criteria are numbered from 1, in the plan's order.");
            }
            Some(CriterionResult {
                criterion: criterion?,
                met: met?,
                evidence: evidence?,
            })
        });
        if fields.is_empty("criteria") {
            fields.find(
                "criteria",
                "`criteria` is empty or missing; judge each criterion of the plan.",
            );
        }
        let mut seen = BTreeSet::new();
        for (line, result) in &criteria {
            if !seen.insert(result.criterion) {
                fields.find_at(*line, format!("Criterion {} is judged twice.", result.criterion));
            }
        }
        let severities = Severity::ALL.map(|severity| (severity.as_str(), severity));
        let findings = fields.each("findings", &["severity", "file", "line", "text"], |entry| {
            let severity = entry.choice("severity", &severities);
            let file = entry
                .optional_text("file")
                .and_then(|file| match files::check(&file) {
                    Ok(file) => Some(file),
                    Err(why) => {
                        entry.find("file", format!("`file` {why}."));
                        None
                    }
                });
            let line = entry.optional_number("line");
            let text = entry.text("text");
            Some(ValidationFinding {
                severity: severity?,
                file,
                line,
                text: text?,
            })
        });
        let criteria: Vec<_> = criteria.into_iter().map(|(_, result)| result).collect();
        if verdict == Some(Verdict::Fail) && fields.is_empty("findings") && criteria.iter().all(|c| c.met) {
            fields.find(
                "verdict",
                "A fail wants a reason: an unmet criterion or an entry under `findings`.",
            );
        }
        let findings = findings.into_iter().map(|(_, finding)| finding).collect();
        Some(Self {
            verdict: verdict?,
            criteria,
            findings,
            body,
        })
    }
}

impl Verdict {
    /// The verdict's name as an artifact writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
        }
    }
}

impl Severity {
    /// All severities, the worst first.
    pub const ALL: [Self; 3] = [Self::Blocker, Self::Major, Self::Minor];

    /// The severity's name as an artifact writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blocker => "blocker",
            Self::Major => "major",
            Self::Minor => "minor",
        }
    }
}

fn sentence(text: &str) -> String {
    if text.ends_with(['.', '!', '?']) {
        text.to_owned()
    } else {
        format!("{text}.")
    }
}
