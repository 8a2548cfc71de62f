"""Normalising, spelling, lexica and n-gram language models; knows nothing of audio or fairseq."""
