//! The store: inbox, event log, run rows and content-addressed artifacts, in SQL.
