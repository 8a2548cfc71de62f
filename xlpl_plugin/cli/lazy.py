"""Groups of verbs, each in a module of its own that is imported only when the verb is used."""

from __future__ import annotations

import importlib
import keyword
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """A module a verb: ``verbs`` maps its name to what it does; the module is ``prefix`` + name and has ``command``."""

    def __init__(
        self, *args: Any, verbs: Mapping[str, str], prefix: str = "", heading: str = "Verbs", **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._verbs, self._prefix, self._heading = verbs, prefix, heading

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._verbs)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self._verbs:
            return None
        # a verb that is a word of Python, such as import, has an underscore after it
        module_name = f"{self._prefix}{name.replace('-', '_')}"
        module = importlib.import_module(f"xlpl_plugin.cli.{module_name}{'_' * keyword.iskeyword(module_name)}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section(self._heading):
            formatter.write_dl(list(self._verbs.items()))
