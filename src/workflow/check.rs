//! Checks of the graph as a whole.

use super::diagnostic::Diagnostics;
use super::draft::DraftNode;
use super::parse::Declared;

pub(super) fn all(_nodes: &[DraftNode], _declared: Declared<'_>, _problems: &mut Diagnostics) {}
