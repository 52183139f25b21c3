//! panorama-tables
