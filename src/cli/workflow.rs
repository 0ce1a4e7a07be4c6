//! `footplate workflow check|graph`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use super::exit::{Failure, Kind};
use super::show;
use crate::contract::declared_fields;
use crate::workflow::{Workflow, mermaid, parse};

#[derive(Debug, Subcommand)]
pub(super) enum Arguments {
    /// Reads a workflow file and names every mistake with its place.
    Check {
        /// The file; the built-in workflow where none is named.
        file: Option<PathBuf>,
    },
    /// Draws a workflow as a Mermaid graph.
    Graph {
        /// The file; the built-in workflow where none is named.
        file: Option<PathBuf>,
    },
}

pub(super) fn main(arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
    let (Arguments::Check { file } | Arguments::Graph { file }) = arguments;
    let workflow = match file {
        None => Workflow::built_in(),
        Some(file) => read(file, json)?,
    };
    match (arguments, json) {
        (Arguments::Check { .. }, true) => show::json(&json!({ "workflow": workflow.name, "problems": [] })),
        (Arguments::Check { .. }, false) => {
            show::line(format!(
                "The workflow `{}` is right: {} steps.",
                workflow.name,
                workflow.nodes.len()
            ));
        }
        (Arguments::Graph { .. }, true) => show::json(&json!({ "mermaid": mermaid(&workflow) })),
        (Arguments::Graph { .. }, false) => show::line(mermaid(&workflow).trim_end()),
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a workflow file; its mistakes are told with their places.
pub(super) fn read(file: &Path, json: bool) -> Result<Workflow, Failure> {
    let source = std::fs::read_to_string(file).map_err(|error| {
        Failure::said(
            Kind::Missing,
            format!("{} cannot be read: {error}", file.display()),
        )
    })?;
    parse(&source, &file.display().to_string(), &declared_fields).map_err(|problems| {
        if json {
            show::json(&json!({ "problems": problems }));
        } else {
            for problem in &problems {
                show::aside(format!("{:?}", miette::Report::new(problem.clone())));
            }
        }
        let count = problems.len();
        Failure::said(
            Kind::Answer,
            format!(
                "{} has {count} {}",
                file.display(),
                if count == 1 { "mistake" } else { "mistakes" }
            ),
        )
    })
}
