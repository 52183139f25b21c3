//! panorama-runtime
