//! panorama-mllp
