"""libespeak-ng: what synthetic speech and phonemes share."""
