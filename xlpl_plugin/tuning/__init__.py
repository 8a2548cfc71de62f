"""Choices on a sample of the target without labels: decoder weights, beam, source AM, checkpoint."""
