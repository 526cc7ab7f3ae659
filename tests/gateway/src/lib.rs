//! The gateway double.
