//! What people may ask: commands parsed from Markdown, and who is permitted to give them.
