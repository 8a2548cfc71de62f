"""Verifying a prepared folder: files, parts that should not share anything, transcripts."""
