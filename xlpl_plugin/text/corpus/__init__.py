"""Unpaired text of a language: documents to normalised, different sentences, one a line."""
