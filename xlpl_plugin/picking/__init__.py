"""Which utterances a native speaker should correct first, and what goes to that person and comes back."""
