"""Manifests, units and fairseq datasets."""
