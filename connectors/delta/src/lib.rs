//! panorama-delta
