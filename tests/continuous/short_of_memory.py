"""fairseq-hydra-train, but memory runs out in the updates of the word without_memory=N,N,... (counted from 0)."""

from __future__ import annotations

import sys
from typing import Any

from fairseq_cli.hydra_train import cli_main

from xlpl_plugin.tasks.asr import AsrTask

WORD = "without_memory="


def main() -> None:
    (word,) = (word for word in sys.argv if word.startswith(WORD))
    sys.argv.remove(word)
    updates = [int(number) for number in word.removeprefix(WORD).split(",")]
    whole = AsrTask.train_step

    def train_step(
        self: AsrTask, sample: Any, model: Any, criterion: Any, optimizer: Any, update_num: int, *rest: Any
    ) -> Any:
        result = whole(self, sample, model, criterion, optimizer, update_num, *rest)
        if update_num in updates:  # the gradients are there by now
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return result

    AsrTask.train_step = train_step  # type: ignore[method-assign]
    cli_main()
