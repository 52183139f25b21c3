//! What messages written by hand mean.
