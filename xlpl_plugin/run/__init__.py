"""One run of rounds: its configuration, folder, steps, driver and result."""
