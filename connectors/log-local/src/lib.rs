//! panorama-log-local
