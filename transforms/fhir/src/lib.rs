//! panorama-fhir
