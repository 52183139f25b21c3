//! panorama-hl7v2
