"""What a run of rounds looks like from outside: one HTML page, pictures and JSON. It only reads the run."""
