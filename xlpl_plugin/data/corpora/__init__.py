"""One reader for each corpus form."""
