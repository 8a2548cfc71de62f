"""Digits to words."""
