//! panorama-synth
