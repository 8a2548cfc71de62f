"""Runs commands in processes of their own that need not import fairseq again: one is forked for each line of stdin.

A line is a JSON list: the file that takes the output, the entry point and its words. The answer is the id of the
process and, once it ended, a line with its exit status (a signal as a negative number).
"""

from __future__ import annotations

import importlib
import json
import os
import sys


def main() -> None:
    # what takes long; the last of it when an optimizer takes its first step
    for name in ("fairseq_cli.hydra_train", "xlpl_plugin.registry", "torch._dynamo"):
        importlib.import_module(name)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            run(*json.loads(line))
            return
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def run(output: str, entry: str, *words: str) -> None:
    """Do what a console script does; the process then ends as any other."""
    for source, flags, targets in ((os.devnull, os.O_RDONLY, [0]), (output, os.O_WRONLY | os.O_CREAT, [1, 2])):
        descriptor = os.open(source, flags | os.O_APPEND, 0o644)
        for target in targets:
            os.dup2(descriptor, target)
    module, function = entry.split(":")
    sys.argv = [module.rpartition(".")[2], *words]
    getattr(importlib.import_module(module), function)()


if __name__ == "__main__":
    main()
