//! panorama-marketing
