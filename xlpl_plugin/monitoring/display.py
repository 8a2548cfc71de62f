"""How a number of a round is called and written, and which way is better: declared with the field that holds it."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal

# a share is stored as 0 to 1 and shown in per cent; the rest as it is, with so many decimals
Form = Literal["share", "count", "0.1", "0.01", "0.001"]
Better = Literal["lower", "higher", ""]


@dataclass(frozen=True)
class Display:
    """A row of tables and a picture over the rounds.

    Attributes:
        key: the field.
        title: in the report.
        short: in the terminal's table.
    """

    key: str
    title: str
    short: str
    group: str
    form: Form
    better: Better
    meaning: str

    @property
    def unit(self) -> str:
        return "%" if self.form == "share" else ""

    @property
    def explained(self) -> str:
        """What it is, and which way is better."""
        return f"{self.meaning} {self.better.capitalize()} is better." if self.better else self.meaning

    def value(self, number: float) -> float:
        """Return the number as it is drawn: a share in per cent."""
        return 100 * number if self.form == "share" else number

    def text(self, number: float | None) -> str:
        """Return the number as it is printed; a dash where it is unknown."""
        if number is None:
            return "–"
        if self.form == "count":
            return f"{number:.0f}"
        decimals = {"0.01": 2, "0.001": 3}.get(self.form, 1)
        return f"{self.value(number):.{decimals}f}".replace("-", "−")


def shown(
    title: str, short: str, group: str, form: Form, better: Better, meaning: str, *, default: Any = MISSING
) -> Any:
    """Declare a dataclass field with its display; its meaning stands there and nowhere else."""
    display = (title, short, group, form, better, meaning)
    return field(default=default, metadata={"display": display}, kw_only=True)


def displays(kind: type) -> tuple[Display, ...]:
    """Return the displays of a dataclass's fields, in their order."""
    return tuple(Display(one.name, *one.metadata["display"]) for one in fields(kind) if "display" in one.metadata)
