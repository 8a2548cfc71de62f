"""The keys of a verb's configuration in its help, as they are declared (``schema.option``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click
import omegaconf

from xlpl_plugin.config import nearest_keys
from xlpl_plugin.errors import XlplError
from xlpl_plugin.schema import Option, options_of

_COLUMN = 34


class KeyedCommand(click.Command):
    """A verb whose help ends with its keys.

    Args:
        schema: returns the dataclass of its configuration; called where help is asked for, since the import is slow.
        nested: whether the keys of nested dataclasses are listed too, or only what those are for.
    """

    def __init__(self, *args: Any, schema: Callable[[], type], nested: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._schema, self._nested = schema, nested

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        options = tuple(options_of(self._schema()))
        if self._nested:
            _write_groups(formatter, options)
        else:
            with formatter.section("Keys"):
                formatter.write_dl([_row(option) for option in options if "." not in option.key], col_max=_COLUMN)


def describe_keys(schema: type, group: str = "") -> str:
    """Return the keys of a configuration with default and help, of one ``group`` such as ``decoder`` or of all.

    Raises:
        XlplError: no key is called so.
    """
    options = tuple(options_of(schema))
    chosen = [option for option in options if option.key == group or option.key.startswith((f"{group}.", f"{group}[]"))]
    if group and not chosen:
        near = nearest_keys(group, [option.key for option in options])
        raise XlplError(f"no key {group!r}", remedy=f"did you mean {' or '.join(near)}?" if near else None)
    formatter = click.HelpFormatter(max_width=click.get_current_context().max_content_width)
    _write_groups(formatter, chosen if group else options)
    return formatter.getvalue().strip("\n")


def _write_groups(formatter: click.HelpFormatter, options: Sequence[Option]) -> None:
    """Write a section for each group: its own keys, then those of the groups in it."""
    helps = {option.key + ("[]" if isinstance(option.default, list) else ""): option.help for option in options}
    sections: dict[str, list[tuple[str, str]]] = {}
    for option in options:
        if option.group is None:
            sections.setdefault(option.key.rpartition(".")[0], []).append(_row(option))
    for group, rows in sections.items():
        with formatter.section(f"{group}: {helps.get(group, '')}".rstrip(": ") if group else "Keys"):
            formatter.write_dl(rows, col_max=_COLUMN)


def _row(option: Option) -> tuple[str, str]:
    """Return 'key=default' and the help, with the range; a group and what has no default stand alone."""
    several = isinstance(option.default, list)
    if option.group is not None:
        return option.key + ("[].*" if several else ".*"), option.help
    needed = option.default == omegaconf.MISSING
    marks = "; ".join(filter(None, ["needed" if needed else "", option.limits.range]))
    about = f"{option.help} [{marks}]" if marks else option.help
    return option.key if needed else f"{option.key}={_shown(option.default)}", about


def _shown(value: Any) -> str:
    """Write a default as it is typed."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        return "{}"
    return f"[{','.join(map(_shown, value))}]" if isinstance(value, list) else str(value)
