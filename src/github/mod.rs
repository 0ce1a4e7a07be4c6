//! GitHub: the webhook door, App authentication and the API client.
