//! panorama-patient-360
