"""Scoring of finished labels against references: the only room that reads a reference transcript."""
