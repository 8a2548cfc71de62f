"""``xlpl doctor``."""

from __future__ import annotations

import dataclasses
import json
import sys

import click

from xlpl_plugin.doctor import Finding, examine, healthy


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs instead of a table.")
def command(as_json: bool) -> None:
    """Say for each component whether it works here, its version, and what to do if not.

    Each one is used for a moment: a tone is encoded and decoded, a tiny language model built, a word decoded.
    Exits with 1 if a required component does not work; the optional ones say what is lost without them.

    Example: xlpl doctor --json
    """
    findings = examine()
    if as_json:
        report = {"ok": healthy(findings), "components": [dataclasses.asdict(finding) for finding in findings]}
        click.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        _print_table(findings)
    if not healthy(findings):
        sys.exit(1)


def _print_table(findings: list[Finding]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("component", "works", "version", "what was seen; what to do")
    for finding in findings:
        verdict = Text("yes", "green") if finding.works else Text("no", "red" if finding.required else "yellow")
        if not finding.works and not finding.required:
            verdict.append(" (optional)")
        seen = Text(finding.detail)
        if finding.remedy:
            seen.append(f"\n{finding.remedy}", "bold")
        table.add_row(finding.name, verdict, finding.version, seen)
    Console().print(table)
    broken = [finding.name for finding in findings if finding.required and not finding.works]
    click.echo(f"broken: {', '.join(broken)}" if broken else "all that is required works")
