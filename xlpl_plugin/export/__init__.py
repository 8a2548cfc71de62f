"""Transcripts in the forms that other programs read, a module for each kind of form."""
