"""Words to units: spellers, pieces, the lexicon, and lexicons in the units of any acoustic model."""
