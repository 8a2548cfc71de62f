"""Where trainings run: here, by torchrun, or as jobs of a queue."""
