"""fairseq criterions and what they count at validation."""
