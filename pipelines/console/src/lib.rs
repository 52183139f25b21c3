//! panorama-console
