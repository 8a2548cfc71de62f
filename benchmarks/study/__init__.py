"""The study: every experiment of docs/results/study-*.md as a cell that one command runs, keeps and draws."""
