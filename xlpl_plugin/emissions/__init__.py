"""Log-probs of an acoustic model over a split: computed, stored, and read back."""
