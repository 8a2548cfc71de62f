"""How pictures of a report look: one figure drawn once, as a PNG file and as an SVG that follows the reader's theme."""

from __future__ import annotations

import base64
import contextlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# inches; small, so that a picture can stand alone on a phone and beside others on a desk
WIDTH = 3.9
# name -> colour on light and on dark ground; the data's are of Okabe and Ito, told apart without colour vision too
THEME = {
    "ink": ("#1d2329", "#e6e9ec"),
    "soft": ("#5c6670", "#a3adb8"),
    "line": ("#d9dee3", "#3a424b"),
    "blue": ("#0072b2", "#56b4e9"),
    "red": ("#d55e00", "#f28e43"),
    "green": ("#009e73", "#2fc49a"),
    "purple": ("#b0568a", "#d98fb9"),
    "amber": ("#e69f00", "#f0b93a"),
}
INK, SOFT, LINE, BLUE, RED, GREEN, PURPLE, AMBER = (light for light, _ in THEME.values())

_STYLE: dict[Any, object] = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": LINE,
    "axes.labelcolor": SOFT,
    "axes.titlecolor": INK,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": SOFT,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "svg.fonttype": "none",
    # names in an SVG are the same in every run
    "svg.hashsalt": "xlpl",
}
_DPI = 160


@dataclass(frozen=True)
class Picture:
    """A drawn figure.

    Attributes:
        name: of the PNG file, without its suffix.
        alt: what it shows, for those who do not see it.
        caption: what to make of it; may be empty.
        png: on white ground.
        svg: the same as text, without ground, in the colours of the reader's theme.
    """

    name: str
    alt: str
    caption: str
    png: bytes
    svg: str

    @property
    def source(self) -> str:
        """The SVG as a data URI."""
        return f"data:image/svg+xml;base64,{base64.b64encode(self.svg.encode()).decode()}"


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Give figures the report's look within it."""
    with matplotlib.rc_context(_STYLE):
        yield


def new_figure(height: float) -> Any:
    """Return an empty figure of the report's width; ``height`` in inches."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def picture(figure: Any, name: str, alt: str, caption: str = "") -> Picture:
    """Save a figure, within ``style``, in both forms."""
    png, svg = io.BytesIO(), io.StringIO()
    figure.savefig(png, format="png", dpi=_DPI, facecolor="white", metadata={"Software": None})
    figure.set_layout_engine("none")  # what was laid out stays where it is; to find that again would take as long
    figure.savefig(svg, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return Picture(name, alt, caption, png.getvalue(), _themed(svg.getvalue()))


def _themed(svg: str) -> str:
    """Let the colours follow the theme, and the letters be those of the system."""
    for name, (light, _) in THEME.items():
        svg = svg.replace(light, f"var(--{name})")
    light_ones, dark_ones = (
        "".join(f"--{name}:{colours[side]};" for name, colours in THEME.items()) for side in (0, 1)
    )
    css = (
        f":root{{{light_ones}}}@media(prefers-color-scheme:dark){{:root{{{dark_ones}}}}}"
        "text{font-family:system-ui,sans-serif!important}"
    )
    svg = re.sub(r"<!DOCTYPE[^>]*>|<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    return re.sub(r"(<svg[^>]*>)", rf"\1<style>{css}</style>", svg, count=1)
