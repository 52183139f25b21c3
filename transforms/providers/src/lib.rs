//! panorama-providers
