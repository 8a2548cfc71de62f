"""Putting all that transcribing needs into one folder, with a card that tells where it is from."""
