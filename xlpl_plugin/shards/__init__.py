"""Stores of shards: atomic parts of a result, with the settings that made them, so that killed work goes on."""
