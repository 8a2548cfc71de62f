"""From recordings, text and labelled speech of other languages to a configuration that ``xlpl iterate`` takes."""
