//! panorama-calls
