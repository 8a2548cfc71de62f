"""Written text out of files of many forms, plain, compressed or in archives; ``forms.py`` is the list of them."""
