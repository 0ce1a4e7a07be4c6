//! The HTTP server: webhook, health and metrics.
