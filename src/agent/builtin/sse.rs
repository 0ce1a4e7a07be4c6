//! Server-sent events as models stream their answers: the data of each event, across the borders of chunks.

/// Collects bytes into events.
#[derive(Debug, Default)]
pub(super) struct Events {
    line: Vec<u8>,
    data: String,
}

/// An event longer than this is no answer of a model.
const LONGEST: usize = 16 * 1024 * 1024;

impl Events {
    /// Takes in a chunk and hands on the data of every event that it completes.
    ///
    /// # Errors
    /// The event is too long, or `event` found its data wrong.
    pub(super) fn feed(
        &mut self,
        chunk: &[u8],
        event: &mut dyn FnMut(&str) -> Result<(), String>,
    ) -> Result<(), String> {
        for &byte in chunk {
            if byte != b'\n' {
                self.line.push(byte);
                if self.line.len() + self.data.len() > LONGEST {
                    return Err("the answer holds an event without an end".to_owned());
                }
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let line = line.strip_suffix(b"\r").unwrap_or(&line);
            if line.is_empty() {
                let data = std::mem::take(&mut self.data);
                if !data.is_empty() {
                    event(&data)?;
                }
            } else if let Some(data) = line.strip_prefix(b"data:") {
                let data = data.strip_prefix(b" ").unwrap_or(data);
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(&String::from_utf8_lossy(data));
            }
        }
        Ok(())
    }

    /// Hands on an event that the stream's end cut short of its blank line, as some servers do.
    ///
    /// # Errors
    /// `event` found its data wrong.
    pub(super) fn finish(&mut self, event: &mut dyn FnMut(&str) -> Result<(), String>) -> Result<(), String> {
        self.feed(b"\n\n", event)
    }
}
