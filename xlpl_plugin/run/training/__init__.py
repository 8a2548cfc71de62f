"""A training as a child process: its command, its log, its end, and the space that it takes."""
