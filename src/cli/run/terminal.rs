//! Asking the person at the terminal what to do with a plan.

use std::io::Write as _;

use tokio::sync::mpsc;

use crate::cli::show;
use crate::model::ContentHash;
use crate::run::PlanState;

/// What the person said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// Build it.
    Approve(ContentHash),
    /// Make another plan.
    Replan(String),
    /// Forget it.
    Cancel,
}

/// The conversation so far.
#[derive(Default)]
pub(super) struct Terminal {
    asked: Option<Question>,
    lines: Option<mpsc::UnboundedReceiver<String>>,
}

struct Question {
    plan: ContentHash,
    /// The generation of the gate.
    generation: u32,
    has_questions: bool,
    /// Whether the next line is what another plan should be like.
    wishes: bool,
}

impl Terminal {
    /// Whether this plan was asked about since its gate opened.
    pub(super) fn has_asked(&self, plan: &PlanState, generation: u32) -> bool {
        let same = |question: &Question| (question.plan, question.generation) == (plan.hash, generation);
        self.asked.as_ref().is_some_and(same)
    }

    /// Shows the plan and asks about it.
    pub(super) fn ask(&mut self, plan: &PlanState, generation: u32, text: &str) {
        show::aside(format!("\n{}\n", text.trim_end()));
        let question = Question {
            plan: plan.hash,
            generation,
            has_questions: plan.questions > 0,
            wishes: plan.questions > 0,
        };
        question.prompt();
        self.asked = Some(question);
        self.lines.get_or_insert_with(read_lines);
    }

    /// Waits for an answer; forever where nothing was asked.
    pub(super) async fn answer(&mut self) -> Answer {
        let (Some(question), Some(lines)) = (&mut self.asked, &mut self.lines) else {
            return std::future::pending().await;
        };
        loop {
            // The end of the input is a no.
            let Some(line) = lines.recv().await else {
                return Answer::Cancel;
            };
            match question.read(&line) {
                Some(answer) => return answer,
                None => question.prompt(),
            }
        }
    }
}

impl Question {
    fn prompt(&self) {
        let words = match (self.wishes, self.has_questions) {
            (true, true) => "Your answers, in one line (nothing ends the run): ".to_owned(),
            (true, false) => "What should be different, in one line: ".to_owned(),
            (false, _) => format!("Approve plan {}? [y/N/r(eplan)] ", self.plan.short()),
        };
        let mut out = std::io::stderr().lock();
        let _ = write!(out, "{words}").and_then(|()| out.flush());
    }

    /// Understands a line; `None` where another question follows.
    fn read(&mut self, line: &str) -> Option<Answer> {
        let line = line.trim();
        if self.wishes {
            return Some(match (line.is_empty(), self.has_questions) {
                (true, true) => Answer::Cancel,
                _ => Answer::Replan(line.to_owned()),
            });
        }
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        match word.to_ascii_lowercase().as_str() {
            "y" | "yes" => Some(Answer::Approve(self.plan)),
            "r" | "replan" if rest.trim().is_empty() => {
                self.wishes = true;
                None
            }
            "r" | "replan" => Some(Answer::Replan(rest.trim().to_owned())),
            "" | "n" | "no" => Some(Answer::Cancel),
            _ => None,
        }
    }
}

/// Reads standard input line by line, on a thread that ends with the process: nothing can break off its reading.
fn read_lines() -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NodeId;

    fn asked(questions: bool) -> Question {
        Question {
            plan: ContentHash::of("plan"),
            generation: 1,
            has_questions: questions,
            wishes: questions,
        }
    }

    #[test]
    fn the_same_plan_is_asked_about_again_after_another_one_was_wished_for() {
        let plan = PlanState {
            gate: NodeId::new("approve").unwrap(),
            hash: ContentHash::of("plan"),
            previous: None,
            revision: 1,
            questions: 0,
            posted: None,
            asked_anew: false,
        };
        let terminal = Terminal {
            asked: Some(asked(false)),
            lines: None,
        };
        assert!(terminal.has_asked(&plan, 1));
        assert!(!terminal.has_asked(&plan, 2));
    }

    #[test]
    fn only_a_clear_yes_approves() {
        for line in ["y", "Y", " yes \r"] {
            let plan = ContentHash::of("plan");
            assert_eq!(asked(false).read(line), Some(Answer::Approve(plan)), "{line:?}");
        }
        for line in ["", "n", "no"] {
            assert_eq!(asked(false).read(line), Some(Answer::Cancel), "{line:?}");
        }
        assert_eq!(asked(false).read("maybe"), None);
    }

    #[test]
    fn wishes_come_in_the_same_line_or_the_next() {
        let wished = Some(Answer::Replan("more tests".to_owned()));
        assert_eq!(asked(false).read("r more tests"), wished);
        let mut question = asked(false);
        assert_eq!(question.read("r"), None);
        assert_eq!(question.read("more tests"), wished);
    }

    #[test]
    fn a_plan_with_questions_takes_answers_and_no_approval() {
        assert_eq!(asked(true).read("y"), Some(Answer::Replan("y".to_owned())));
        assert_eq!(asked(true).read(""), Some(Answer::Cancel));
    }
}
