"""The steps of a run and how they follow from its configuration."""
