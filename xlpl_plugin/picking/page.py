"""The page on which a person listens and corrects: one HTML file beside its sound, no server, no network."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from xlpl_plugin.picking.table import COLUMNS, NOTHING_SAID, TableRow


def render_page(rows: Sequence[TableRow], reasons: Sequence[str], language: str = "") -> str:
    """Return the page.

    Args:
        rows: in the order in which they are shown; what the page saves has the bytes that ``write_table`` writes.
        reasons: for each row why it was picked.
        language: its code, for the browser's fonts and spelling; '' is not told.
    """
    environment = Environment(
        loader=PackageLoader("xlpl_plugin.picking", "."),
        autoescape=True,  # labels and ids come from elsewhere
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # what was typed is kept under a name that another set of utterances does not have
    digest = hashlib.sha256("\n".join(row.line for row in rows).encode()).hexdigest()[:16]
    return environment.get_template("page.html.j2").render(
        items=[{**asdict(row), "url": quote(row.audio), "reason": why} for row, why in zip(rows, reasons, strict=True)],
        total=clock(sum(float(row.seconds) for row in rows)),
        columns=COLUMNS,
        nothing=NOTHING_SAID,
        key=f"xlpl-pick-{digest}",
        language=language.replace("_", "-"),
    )


def clock(seconds: float) -> str:
    """Return minutes and seconds.

    >>> clock(125.4)
    '2:05'
    """
    return f"{round(seconds) // 60}:{round(seconds) % 60:02}"
