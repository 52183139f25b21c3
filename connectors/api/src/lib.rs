//! panorama-api
