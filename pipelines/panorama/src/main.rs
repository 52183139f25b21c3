//! The `panorama` binary.
fn main() {}
