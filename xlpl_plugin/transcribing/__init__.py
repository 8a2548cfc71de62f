"""Using what a run has made: recordings in, typed transcripts out."""
