"""The steps of a preparation, each in a module; their order stands in ``data/prepare.py``."""
