"""Words to units: of any acoustic model."""
