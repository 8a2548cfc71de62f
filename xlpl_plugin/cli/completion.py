"""``xlpl completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

# where each shell reads it from
_PLACES = {"bash": "~/.bashrc", "zsh": "~/.zshrc", "fish": "~/.config/fish/completions/xlpl.fish"}


@click.command("completion")
@click.argument("shell", type=click.Choice(sorted(_PLACES)))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print what makes SHELL complete verbs and options of xlpl.

    \b
    xlpl completion bash >> ~/.bashrc
    xlpl completion zsh >> ~/.zshrc
    xlpl completion fish > ~/.config/fish/completions/xlpl.fish
    """
    made = get_completion_class(shell)
    assert made is not None  # the shells are click's own
    click.echo(made(context.find_root().command, {}, "xlpl", "_XLPL_COMPLETE").source())
