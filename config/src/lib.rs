//! panorama-config
