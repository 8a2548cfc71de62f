"""The one exception that a user is meant to read."""

from __future__ import annotations

from pathlib import Path


class XlplError(Exception):
    """Bad input, said so that the user can mend it: where, what is wrong, what was expected, what to do.

    The command line prints it without a traceback and exits with status 2.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: str | Path | None = None,
        line: int | None = None,
        expected: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.problem, self.file, self.line = problem, file, line
        self.expected, self.remedy = expected, remedy
        super().__init__(self._render())

    def _render(self) -> str:
        place = ""
        if self.file is not None:
            place = f"{self.file}:{self.line}: " if self.line is not None else f"{self.file}: "
        parts = [f"{place}{self.problem}"]
        if self.expected:
            parts.append(f"expected: {self.expected}")
        if self.remedy:
            parts.append(f"to do: {self.remedy}")
        return "\n  ".join(parts)
