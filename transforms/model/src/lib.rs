//! panorama-model
