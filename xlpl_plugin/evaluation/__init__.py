"""Scoring of finished labels against references: the only folder that reads a reference transcript."""
