"""From a sound file to the features of an acoustic model. Nothing here knows of fairseq."""
