//! panorama-file
