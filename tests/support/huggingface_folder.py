"""Tiny random models that transformers itself makes and writes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

# before transformers is imported: nothing may be looked up
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"

# as published fine-tuned models have it: the blank is not first, letters are upper case, no </s>
VOCABULARY = {"|": 0, "E": 1, "A": 2, "'": 3, "B": 4, "<unk>": 5, "<pad>": 6, "C": 7, "<s>": 8}
SIZE = {
    **{"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48},
    **{"conv_dim": [16] * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4},
}


def write_model(
    folder: Path,
    head: str = "Wav2Vec2ForCTC",
    vocabulary: dict[str, int] = VOCABULARY,
    *,
    shard: str = "1GB",
    **options: Any,
) -> Path:
    """Write a folder as ``save_pretrained`` does; ``head`` is the model's class, ``options`` its configuration's."""
    import torch
    import transformers

    torch.manual_seed(0)
    folder.mkdir(parents=True)
    config = transformers.Wav2Vec2Config(
        **{**SIZE, "vocab_size": len(vocabulary), "pad_token_id": vocabulary.get("<pad>", 0), **options}
    )
    model = getattr(transformers, head)(config)
    # weights of the size of trained ones, so that outputs differ from frame to frame
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    model.save_pretrained(folder, max_shard_size=shard)
    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=options.get("feat_extract_norm") == "layer")
    extractor.save_pretrained(folder)
    if head == "Wav2Vec2ForCTC":
        (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    return folder
