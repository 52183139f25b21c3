//! How well and how fast the default model links the shared person lists.
fn main() {}
