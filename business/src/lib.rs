//! The business server.
