"""Acoustic models as ONNX: for phones, browsers and programs without torch."""
