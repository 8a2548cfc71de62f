"""Pseudo-labels: log-probs stored once, labels with scores and reasons, filters, and tuning without labels.

Nothing here reads a reference transcript.
"""
