"""Options of the verbs, each declared once: default, help and the values that it may have, at the dataclass's field.

The check of a configuration, the list of keys in ``xlpl VERB --help`` and the hint at a mistyped key follow from it.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import partial
from typing import Any, TypeVar, cast, get_args, get_type_hints

import omegaconf

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist

T = TypeVar("T")
Choices = Sequence[str] | Callable[[], Sequence[str]]
_LIMITS = "limits"


@dataclass(frozen=True)
class Limits:
    """The values that an option may have; of a list, those of each element. Numbers are finite.

    Attributes:
        least, above: the lowest value, itself allowed or not.
        most, below: the highest value, itself allowed or not.
        choices: texts, or what returns them where they are defined later.
        interval: whether the option is a list of the lowest and the highest value.
        file: what the file or folder is that must exist if one is named; '': the text is no path, or one to be made.
    """

    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None
    choices: Choices = ()
    interval: bool = False
    file: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The choices; empty where any text will do."""
        return tuple(self.choices() if callable(self.choices) else self.choices)

    @property
    def range(self) -> str:
        """The range in words, such as 'at least 0 and below 1'; empty where any number will do."""
        if self.least is not None and self.most is not None:
            return f"{self.least:g} to {self.most:g}"
        ends = (("at least", self.least), ("above", self.above), ("at most", self.most), ("below", self.below))
        return " and ".join(f"{words} {end:g}" for words, end in ends if end is not None)

    def check(self, key: str, value: Any) -> None:
        """Raise ``XlplError`` where ``key`` may not have this ``value``; None and what is not set yet pass."""
        if value is None or value == omegaconf.MISSING:
            return
        several = isinstance(value, list | tuple)
        if self.interval and (len(value) != 2 or not value[0] <= value[1]):
            raise XlplError(f"{key}={value}", expected="[lowest, highest]")
        for element in value if several else [value]:
            if not self._allows(element):
                shown = repr(value) if isinstance(value, str) else value
                expected = self._expected(element)
                raise XlplError(f"{key}={shown}", expected=f"for each of them {expected}" if several else expected)

    def check_file(self, key: str, value: Any) -> None:
        """Raise ``XlplError`` where a file is named that is not there."""
        if self.file and value and value != omegaconf.MISSING:
            must_exist(value, f"{self.file} ({key})")

    def _allows(self, value: Any) -> bool:
        if isinstance(value, str):
            return not self.names or value in self.names
        if isinstance(value, bool) or not isinstance(value, int | float):
            return True
        return (
            math.isfinite(value)
            and (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def _expected(self, value: Any) -> str:
        if isinstance(value, str):
            return f"one of {', '.join(name or 'nothing (empty)' for name in self.names)}"
        kind = "a whole number" if isinstance(value, int) else "a number" if self.range else "a finite number"
        return f"{kind}, {self.range}" if self.range else kind


def option(
    default: T,
    help: str,
    *,
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
    below: float | None = None,
    choices: Choices = (),
    interval: bool = False,
    file: str = "",
) -> T:
    """Declare a field of a dataclass: its default, what it means, and the values that it may have (``Limits``).

    A default that can change (a list, another dataclass of options) is copied for each object.

    >>> @dataclass
    ... class Search:
    ...     beam: int = option(50, "hypotheses kept after each frame", least=1)
    >>> check_options(Search(beam=0), "search")
    Traceback (most recent call last):
    xlpl_plugin.errors.XlplError: search.beam=0
      expected: a whole number, at least 1
    """
    limits = Limits(least, most, above, below, choices, interval, file)
    metadata = {"help": help, _LIMITS: limits}
    if isinstance(default, list | dict) or is_dataclass(default):
        return cast(T, field(default_factory=partial(copy.deepcopy, default), metadata=metadata))
    return field(default=default, metadata=metadata)


def unset(schema: type, name: str) -> Any:
    """Declare a field that means what ``schema`` declares of that name, and is None: not set here."""
    declared = next(item for item in fields(schema) if item.name == name)
    return field(default=None, metadata=declared.metadata)


def check_options(config: Any, key: str = "") -> None:
    """Check all values of a dataclass of options, of those in it, and of those in its lists.

    Then what relates several of them: a dataclass that has a method ``check_together`` is asked, with its key. Then
    whether the files are there.

    Args:
        key: of ``config`` itself in the whole configuration, such as ``tuning.search``; empty for the whole.

    Raises:
        XlplError: names the full key, the value, and what is expected.
    """
    declared = [
        (join(key, item.name), getattr(config, item.name), item.metadata.get(_LIMITS, Limits()))
        for item in fields(config)
    ]
    for name, value, limits in declared:
        if is_dataclass(value):
            check_options(value, name)
        elif isinstance(value, list) and any(map(is_dataclass, value)):
            for number, element in enumerate(value):
                check_options(element, f"{name}[{number}]")
        else:
            limits.check(name, value)
    if hasattr(config, "check_together"):
        config.check_together(key)
    for name, value, limits in declared:
        limits.check_file(name, value)


def join(key: str, name: str) -> str:
    """Return the full key of the option ``name`` in the dataclass at ``key``."""
    return f"{key}.{name}" if key else name


@dataclass(frozen=True)
class Option:
    """What is declared of one option.

    Attributes:
        key: full, such as ``decoder.beam``; ``voters[].data`` in the dataclasses of a list.
        group: the dataclass of the options below it, if there are any.
    """

    key: str
    default: Any
    help: str
    limits: Limits
    group: type | None = None


def options_of(schema: type, key: str = "", defaults: Any = None) -> Iterator[Option]:
    """Yield the options of a dataclass as they are declared, each group before what is in it.

    Args:
        key: of ``schema`` in the whole configuration.
        defaults: an object with other defaults than those of ``schema``.
    """
    defaults = schema() if defaults is None else defaults
    hints = get_type_hints(schema)
    for item in fields(schema):
        default, hint = getattr(defaults, item.name), hints[item.name]
        of_list = next(filter(is_dataclass, get_args(hint)), None)
        group = cast("type | None", hint if is_dataclass(hint) else of_list)
        full = join(key, item.name)
        about = item.metadata.get("help", ""), item.metadata.get(_LIMITS, Limits())
        yield Option(full, default, *about, group)
        if group is not None:
            yield from options_of(group, f"{full}[]" if of_list else full, None if of_list else default)
