"""Flags of the verbs, made from options that are declared with ``schema.option``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from xlpl_plugin.schema import options_of

Function = TypeVar("Function", bound=Callable[..., Any])


def flags(schema: type, *names: str) -> Callable[[Function], Function]:
    """Return a decorator that adds a flag for each of these fields of ``schema``; ``check_options`` checks the values.

    ``--vocab-limit`` is the flag of ``vocab_limit``. What its help says of default, range and choices is as declared.
    """

    def add(function: Function) -> Function:
        for name in reversed(names):
            function = _flag(schema, name)(function)
        return function

    return add


def _flag(schema: type, name: str) -> Callable[[Function], Function]:
    declared = next(one for one in options_of(schema) if one.key == name)
    limits = declared.limits
    help = declared.help[0].upper() + declared.help[1:] + (f" ({limits.range})." if limits.range else ".")
    shown: dict[str, Any] = {"is_flag": True} if declared.default is False else {"show_default": declared.default != ""}
    if limits.names:
        shown["metavar"] = "|".join(limits.names)
    return click.option(f"--{name.replace('_', '-')}", default=declared.default, help=help, **shown)
