"""Acoustic models: ours, and loading and initialising from any CTC model of fairseq."""
