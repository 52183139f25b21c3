//! panorama-identity
