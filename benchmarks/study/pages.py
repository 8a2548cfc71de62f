"""Tables and pictures of the study, made of records alone and put between markers of pages; the prose there stays."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from scipy.stats import spearmanr  # type: ignore[import-untyped]

from study.cells import Agreement, Question
from study.columns import COLUMNS, NOTHING
from study.pictures import draw
from study.pool import Pool
from study.records import CellRecord
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import atomic_open, write_text
from xlpl_plugin.text_table import render

NOT_RUN = "not run"
_HOW = (
    "Error rates in percent with 95 % intervals over utterances; seeds are added up, utterances drawn once for all. "
    "*Chosen*: the stage that the run takes for its best without references; *oracle*: the best by them. "
    "Dashed lines are toplines."
)


def render_pages(
    questions: Sequence[Question], records: Mapping[str, CellRecord], pages: Sequence[Path], folder: Path
) -> list[Path]:
    """Bring what stands between the markers of each question up to date; return the pages that have any.

    A question without a marker on any page gets one of its own in ``folder``, study-QUESTION.md; pictures go there too.
    """
    changed = []
    for question in questions:
        block = partial(_block, question, records, folder)
        shown = put_between(question.name, block, pages)
        if not shown:
            own = folder / f"study-{question.name}.md"
            write_text(own, f"# {question.file.question}\n\n{_begin(question.name)}\n{_end(question.name)}\n")
            shown = put_between(question.name, block, [own])
        changed += shown
    return list(dict.fromkeys(changed))


def put_between(name: str, block: Callable[[Path], str], pages: Sequence[Path]) -> list[Path]:
    """Put a block, made for each page, between the markers of this name on the pages that have them; return these."""
    changed = [page for page in pages if _begin(name) in page.read_text("utf-8")]
    for page in changed:
        write_text(page, _replaced(page.read_text("utf-8"), name, block(page), page))
    return changed


def _begin(name: str) -> str:
    return f"<!-- study:{name} -->"


def _end(name: str) -> str:
    return f"<!-- /study:{name} -->"


def _replaced(text: str, name: str, block: str, page: Path) -> str:
    pattern = re.compile(f"{re.escape(_begin(name))}.*?{re.escape(_end(name))}", re.DOTALL)
    if not pattern.search(text):
        raise XlplError(f"{_begin(name)} has no end", file=page, expected=_end(name))
    return pattern.sub(lambda _: f"{_begin(name)}\n{block}\n{_end(name)}", text)


def _block(question: Question, records: Mapping[str, CellRecord], folder: Path, page: Path) -> str:
    """Return the table, what was compared, the pictures, and where the figures come from."""
    found = [records[cell.name] for cell in question.cells if cell.name in records]
    pools = list(_pools(question, records))
    parts = [render([_row(question, labels, records) for labels in question.rows], "markdown"), _HOW]
    parts += [_tuned(question)] if question.file.tuned_on else []
    parts += question.file.notes
    if question.file.agreement and pools:
        parts.append(_agreement(question.file.agreement, pools))
    for number, picture in enumerate(question.file.pictures, 1):
        if pools and (png := draw(picture, pools)):
            file = folder / f"study-{question.name}-{number}.png"
            with atomic_open(file, "wb") as stream:
                stream.write(png)
            parts.append(f"![{picture.title}]({_relative(file, page.parent)})")
    return "\n\n".join([*parts, _origin(question, found)])


def _relative(file: Path, here: Path) -> str:
    return str(file.relative_to(here)) if file.is_relative_to(here) else f"{file.parent.name}/{file.name}"


def _pools(question: Question, records: Mapping[str, CellRecord]) -> Iterator[Pool]:
    for labels in question.rows:
        if pool := _pool(question, labels, records):
            yield pool


def _pool(question: Question, labels: Mapping[str, str], records: Mapping[str, CellRecord]) -> Pool | None:
    cells = [cell.name for cell in question.cells if cell.row == labels]
    found = [records[name] for name in cells if name in records]
    return Pool(dict(labels), found) if found else None


def _row(question: Question, labels: Mapping[str, str], records: Mapping[str, CellRecord]) -> dict[str, str]:
    """Return one row; what was not run says so in its first figure."""
    wanted = sum(cell.row == labels for cell in question.cells)
    names, tuned = dict(labels), question.file.tuned_on
    if names.get("target") in tuned:
        names["target"] += " *"
    pool = _pool(question, labels, records)
    seeds = {"seeds": f"{len(pool.records) if pool else 0} of {wanted}"}
    if pool is None:
        figures = dict.fromkeys(question.file.columns, NOTHING) | {question.file.columns[0]: NOT_RUN}
    else:
        figures = {name: COLUMNS[name](pool).text for name in question.file.columns}
    return names | seeds | figures


def _tuned(question: Question) -> str:
    return f"\\* recipes were chosen on {', '.join(question.file.tuned_on)}; the other targets are looked at once."


class _Compared(NamedTuple):
    group: str
    guess: float
    truth: float


def _known(wanted: Agreement, pools: Sequence[Pool]) -> Iterator[_Compared]:
    for pool in pools:
        guess, truth = COLUMNS[wanted.of](pool).value, COLUMNS[wanted.truth](pool).value
        if guess is not None and truth is not None:
            yield _Compared(pool.labels.get(wanted.within, ""), guess, truth)


def _agreement(wanted: Agreement, pools: Sequence[Pool]) -> str:
    """Say how far the order by one column is that by another, over pairs of rows of the same group."""
    known = list(_known(wanted, pools))
    # more of the first column should go with fewer errors
    right = [(a.guess > b.guess) == (a.truth < b.truth) for a, b in combinations(known, 2) if a.group == b.group]
    if not right:
        return f"Order by {wanted.of}: no two rows of one {wanted.within} to compare yet."
    rho = spearmanr([one.guess for one in known], [one.truth for one in known]).statistic
    return (
        f"Order by *{wanted.of}*, without labels, against *{wanted.truth}*: {sum(right)} of {len(right)} pairs of one "
        f"{wanted.within} the right way round; Spearman's rho over all rows {rho:+.2f} (-1: the very order)."
    )


def _origin(question: Question, records: Sequence[CellRecord]) -> str:
    """Say how the figures are made again, where and from which commit those here are."""
    command = f"`make results ONLY={question.name}`; {len(records)} of {len(question.cells)} cells are done"
    commits = sorted({record.machine["commit"] for record in records})
    machines = sorted({f"{record.machine['cpu']}, {record.machine['precision']}" for record in records})
    origin = f"; commit {', '.join(commits)}; {'; '.join(machines)}" if records else ""
    return f"{command}{origin}."
