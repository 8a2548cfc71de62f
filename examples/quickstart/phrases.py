"""Sentences of a small grammar: those that are spoken, and others for a language model.

    python phrases.py grammar/sw.yaml --spoken 500 spoken.txt --text 4000 text.txt

A grammar is a YAML file: rule -> alternatives between bars. ``{name}`` in an alternative stands for any alternative of
the rule ``name``; a sentence begins at ``start``.
"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import click
import yaml

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist, new_output, write_lines

START = "start"
# a rule that stands in an alternative
SLOT = re.compile(r"\{(\w*)\}")
# so many draws in a row without a new sentence: the grammar holds hardly more
_PATIENCE = 10_000

Grammar = Mapping[str, Sequence[str]]


def read_grammar(file: str | Path) -> Grammar:
    """Return rule -> its alternatives.

    Raises:
        XlplError: not such a YAML file, an empty alternative, or a slot that names no rule.
    """
    try:
        rules = yaml.safe_load(must_exist(file, "a grammar").read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise XlplError(f"cannot be read: {error}", file=file, expected="rule: alternative | alternative") from error
    if not isinstance(rules, dict) or not all(isinstance(text, str) for text in rules.values()) or START not in rules:
        raise XlplError("not a grammar", file=file, expected=f"rule: alternative | alternative, and the rule {START!r}")
    grammar = {str(name): [" ".join(part.split()) for part in text.split("|")] for name, text in rules.items()}
    for name, alternatives in grammar.items():
        unknown = [slot for part in alternatives for slot in SLOT.findall(part) if slot not in grammar]
        if unknown or not all(alternatives):
            problem = f"{{{unknown[0]}}} is no rule" if unknown else "an empty alternative"
            raise XlplError(f"rule {name!r}: {problem}", file=file, expected="text and names of rules in braces")
    return grammar


def sentences(grammar: Grammar, seed: int) -> Iterator[str]:
    """Yield different sentences in an order that the seed decides, until hardly any new one is found."""
    generator = random.Random(seed)
    seen: set[str] = set()
    failed = 0
    while failed < _PATIENCE:
        sentence = _expand(grammar, START, generator)
        failed = failed + 1 if sentence in seen else 0
        if not failed:
            seen.add(sentence)
            yield sentence


def _expand(grammar: Grammar, rule: str, generator: random.Random) -> str:
    return SLOT.sub(lambda slot: _expand(grammar, slot[1], generator), generator.choice(grammar[rule]))


@click.command()
@click.argument("grammar", type=click.Path(path_type=Path))
@click.option("--spoken", type=(click.IntRange(1), click.Path(path_type=Path)), required=True, help="Number, file.")
@click.option("--text", type=(click.IntRange(1), click.Path(path_type=Path)), help="Number, file: other sentences.")
@click.option("--seed", default=1, show_default=True)
def main(grammar: Path, spoken: tuple[int, Path], text: tuple[int, Path] | None, seed: int) -> None:
    """Write sentences of GRAMMAR to one file or two; no sentence stands in both."""
    drawn = sentences(read_grammar(grammar), seed)
    for number, file in filter(None, (spoken, text)):
        lines = list(islice(drawn, number))
        if len(lines) < number:
            raise XlplError(f"only {len(lines)} sentences are left for {file.name}", file=grammar,
                            expected=f"{number}", remedy="ask for fewer, or add to the grammar")  # fmt: skip
        write_lines(new_output(file, force=True), lines)


if __name__ == "__main__":
    try:
        main()
    except XlplError as error:
        sys.exit(str(error))
