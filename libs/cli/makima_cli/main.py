"""The `makima` command: a table of subcommands. Each is imported only when it runs, so that `--help` is fast."""

import json
from importlib import import_module
from itertools import pairwise
from typing import IO, Final, cast

import click

# name → (module:attribute of the click command, its help in one line, which `--help` shows without an import)
COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("makima_cli.up:up", "Start the whole system on this machine, until Ctrl-C."),
    "contracts": ("makima_cli.contracts:contracts", "List, create, change and monitor contracts."),
    "token": ("makima_cli.token:token", "Create, list and revoke access tokens."),
    "ledger": (
        "makima_cli.ledger:ledger",
        "Verify the event log, rebuild read models, or start a new epoch.",
    ),
}

TYPED: Final = "makima.typed"


class LazyGroup(click.Group):
    """A click group that imports its commands when they run. `table` has the form of `COMMANDS`."""

    def __init__(self, *args: object, table: dict[str, tuple[str, str]], **attributes: object) -> None:
        super().__init__(*args, **attributes)  # pyright: ignore[reportArgumentType] — handed on as they came
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 — click's signature
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 — click's signature
        if cmd_name not in self._table:
            return None
        module, attribute = self._table[cmd_name][0].split(":")
        return cast("click.Command", getattr(import_module(module), attribute))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 — click's signature
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in self._table.items()])


class Root(LazyGroup):
    """The top-level group: with `--format json`, usage errors are printed as JSON, too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[TYPED] = list(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            typed = cast("list[str]", ctx.meta[TYPED])
            if "--format=json" in typed or ("--format", "json") in pairwise(typed):
                raise UsageProblem(error) from error
            raise


class UsageProblem(click.ClickException):
    """A usage error that click prints on stderr as a problem's JSON object."""

    exit_code = 2

    def __init__(self, error: click.UsageError) -> None:
        super().__init__(error.format_message())
        self._usage = error.ctx.get_usage() if error.ctx else None

    def show(self, file: IO[str] | None = None) -> None:
        problem = {"code": "USAGE", "detail": self.message, "hint": self._usage}
        click.echo(json.dumps(problem), file=file, err=file is None)


@click.command(cls=Root, table=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="makima-server", prog_name="makima")
def main() -> None:
    """Monitor fleets of AI coding agents: their work, their liveness, and the questions that wait for you."""


if __name__ == "__main__":
    main()
