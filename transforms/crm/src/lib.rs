//! panorama-crm
