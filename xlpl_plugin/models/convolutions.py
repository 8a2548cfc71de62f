"""Convolutions as fairseq's configurations name them: expressions of Python, which fairseq executes and we read."""

from __future__ import annotations

import ast
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xlpl_plugin.errors import XlplError

# options that fairseq's models of speech give to eval
_EXECUTED = ("conv_feature_layers", "conv_aggregator_layers")


def refuse_code(configuration: Any, file: str | Path) -> None:
    """Look at every such option in a checkpoint's configuration, before a model is built from it.

    Raises:
        XlplError: one that is more than lists of numbers, added and repeated.
    """
    for text in _executed(configuration):
        read_convolutions(text, file)


def _executed(value: Any) -> Iterator[str]:
    value = vars(value) if isinstance(value, Namespace) else value
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in _EXECUTED and isinstance(inner, str):
                yield inner
            else:
                yield from _executed(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _executed(inner)


def read_convolutions(text: str, file: str | Path) -> tuple[tuple[int, int, int], ...]:
    """Return the layers that ``conv_feature_layers`` says, an expression of Python that fairseq executes.

    >>> read_convolutions("[(8, 10, 5)] + [(8, 3, 2)] * 2", "am.pt")
    ((8, 10, 5), (8, 3, 2), (8, 3, 2))

    Raises:
        XlplError: anything but lists of three numbers that are added and repeated.
    """
    try:
        layers = _value(ast.parse(text, mode="eval").body)
        found = [(int(size), int(kernel), int(stride)) for size, kernel, stride in layers]
    except (SyntaxError, TypeError, ValueError, RecursionError) as error:
        expected = "as in '[(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512, 2, 2)] * 2'"
        raise XlplError(f"cannot read conv_feature_layers={text!r}", file=file, expected=expected) from error
    return tuple(found)


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [*_value(node.left), *_value(node.right)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return _value(node.left) * min(int(_value(node.right)), 100)
    return ast.literal_eval(node)
