//! panorama-standardize
