"""Pseudo-labels: decoding of emissions, records, filters, votes, and the manifests that a student reads.

Nothing here reads a reference transcript.
"""
