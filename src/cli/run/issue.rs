//! Reading the issue: its first line is the title, the rest the text.

use std::io::Read as _;
use std::path::Path;

use crate::cli::exit::{Failure, Kind};
use crate::github::IssueText;

/// The longest issue: GitHub takes 65,536 characters of up to four bytes.
const LONGEST: u64 = 256 * 1024;

pub(super) fn read(file: &Path) -> Result<IssueText, Failure> {
    let name = file.display();
    let unreadable = |error: std::io::Error| {
        Failure::said(Kind::Missing, format!("the issue {name} cannot be read: {error}"))
    };
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().take(LONGEST + 1).read_to_end(&mut bytes)
    } else {
        let file = std::fs::File::open(file).map_err(unreadable)?;
        file.take(LONGEST + 1).read_to_end(&mut bytes)
    };
    read.map_err(unreadable)?;
    parse(bytes).map_err(|why| Failure::said(Kind::Missing, format!("{name} holds no issue: {why}")))
}

fn parse(bytes: Vec<u8>) -> Result<IssueText, &'static str> {
    if bytes.len() as u64 > LONGEST {
        return Err("it is longer than 256 KiB");
    }
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8")?;
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let (title, body) = text.split_once('\n').unwrap_or((text, ""));
    // Many write the title as a heading.
    let title = title.trim().trim_start_matches('#').trim();
    if title.is_empty() {
        return Err("its first line is to be the title");
    }
    Ok(IssueText {
        title: title.to_owned(),
        body: body.trim().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_title_also_as_a_heading() {
        for text in [
            "# Add a b\n\nBecause.\n",
            "Add a b\r\nBecause.",
            "\n\n# Add a b\nBecause.",
        ] {
            let issue = parse(text.as_bytes().to_vec()).unwrap();
            assert_eq!(
                (issue.title.as_str(), issue.body.as_str()),
                ("Add a b", "Because.")
            );
        }
        assert_eq!(parse(b"Only a title".to_vec()).unwrap().body, "");
    }

    #[test]
    fn what_is_no_issue_is_refused() {
        for bytes in [
            b"".to_vec(),
            b"  \n \n".to_vec(),
            b"#\nx".to_vec(),
            vec![0xff, 0xfe],
        ] {
            assert!(parse(bytes).is_err());
        }
        assert!(parse(vec![b'x'; 300_000]).is_err());
    }
}
