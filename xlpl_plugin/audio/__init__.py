"""From a sound file to the features of an acoustic model. Nothing here knows of fairseq."""

# of all audio inside the package: other rates are converted when a recording is read
SAMPLE_RATE = 16_000
