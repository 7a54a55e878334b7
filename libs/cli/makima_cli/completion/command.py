"""The command `makima completion`: prints the script that a shell reads."""

import click
from click.shell_completion import get_completion_class

from makima_cli.format_option import with_format
from makima_cli.main import main
from makima_cli.session import echo_json

VARIABLE = "_MAKIMA_COMPLETE"  # click's: the shell sets it when it asks for completions


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@with_format("text", "json")
def completion(shell: str, *, output: str) -> None:
    """Print the completion script of a shell. Ids of contracts, tasks, questions, daemons and tokens are asked of the
    server; when it does not answer within a quarter of a second, there are none.
    """
    completer = get_completion_class(shell)
    assert completer is not None
    script = completer(main, {}, "makima", VARIABLE).source()
    if output == "json":
        echo_json({"shell": shell, "script": script})
    else:
        click.echo(script)
