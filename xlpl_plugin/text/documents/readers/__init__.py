"""One reader for each form of documents; `forms.py` has the list."""
