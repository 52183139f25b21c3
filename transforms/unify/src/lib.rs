//! panorama-unify
