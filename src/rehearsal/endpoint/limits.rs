//! Headers that tell how full a subscription's windows are.

/// Which limit headers answers carry; none unless set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LimitHeaders {
    /// Anthropic's unified windows of five hours and seven days.
    pub anthropic: Option<[Window; 2]>,
    /// Codex's primary (five hours) and secondary (seven days) windows.
    pub codex: Option<[Window; 2]>,
}

/// How full a window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The used share before the first answer, in millionths.
    pub used: u32,
    /// What each answer adds, in millionths.
    pub growth: u32,
    /// When it starts anew, in seconds since 1970.
    pub resets_at: u64,
}

impl Window {
    fn millionths(self, answers: u32) -> u32 {
        self.used.saturating_add(self.growth.saturating_mul(answers))
    }
}

impl LimitHeaders {
    /// The headers of an answer after so many others; `rejected` on a refusal for too many requests.
    pub(super) fn write(self, messages: bool, answers: u32, rejected: bool) -> Vec<(&'static str, String)> {
        let mut headers = Vec::new();
        if let (Some([short, long]), true) = (self.anthropic, messages) {
            let fullest = short.millionths(answers).max(long.millionths(answers));
            let status = match (rejected, fullest) {
                (true, _) => "rejected",
                (false, 800_000..) => "allowed_warning",
                (false, _) => "allowed",
            };
            let claim = if short.millionths(answers) >= long.millionths(answers) {
                ("five_hour", short)
            } else {
                ("seven_day", long)
            };
            headers.extend([
                ("anthropic-ratelimit-unified-status", status.to_owned()),
                (
                    "anthropic-ratelimit-unified-representative-claim",
                    claim.0.to_owned(),
                ),
                ("anthropic-ratelimit-unified-reset", claim.1.resets_at.to_string()),
                ("anthropic-ratelimit-unified-5h-status", status.to_owned()),
                (
                    "anthropic-ratelimit-unified-5h-utilization",
                    decimal(short.millionths(answers), 6),
                ),
                (
                    "anthropic-ratelimit-unified-5h-reset",
                    short.resets_at.to_string(),
                ),
                (
                    "anthropic-ratelimit-unified-7d-utilization",
                    decimal(long.millionths(answers), 6),
                ),
                ("anthropic-ratelimit-unified-7d-reset", long.resets_at.to_string()),
            ]);
        }
        if let (Some([short, long]), false) = (self.codex, messages) {
            headers.extend([
                (
                    "x-codex-primary-used-percent",
                    decimal(short.millionths(answers), 4),
                ),
                ("x-codex-primary-window-minutes", "300".to_owned()),
                ("x-codex-primary-reset-at", short.resets_at.to_string()),
                (
                    "x-codex-secondary-used-percent",
                    decimal(long.millionths(answers), 4),
                ),
                ("x-codex-secondary-window-minutes", "10080".to_owned()),
                ("x-codex-secondary-reset-at", long.resets_at.to_string()),
            ]);
        }
        headers
    }
}

/// `value` with its last `places` digits behind the point, as a vendor would print it.
fn decimal(value: u32, places: usize) -> String {
    let unit = 10_u32.pow(u32::try_from(places).unwrap_or(0));
    let fraction = format!("{:0places$}", value % unit);
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() {
        (value / unit).to_string()
    } else {
        format!("{}.{fraction}", value / unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_printed_as_the_vendors_print_them() {
        assert_eq!(decimal(870_000, 6), "0.87");
        assert_eq!(decimal(375_000, 4), "37.5");
        assert_eq!(decimal(1_000_000, 6), "1");
        assert_eq!(decimal(50_000, 6), "0.05");
    }
}
