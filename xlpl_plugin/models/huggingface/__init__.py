"""wav2vec 2.0 as Hugging Face's transformers keeps it, read into fairseq's checkpoints and written from them."""
