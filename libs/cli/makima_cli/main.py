"""The `makima` command: a table of subcommands. Each is imported only when it runs, so that `--help` is fast."""

import errno
import sys
from importlib import import_module
from itertools import pairwise
from typing import IO, ClassVar, Final, cast

import click
from makima_sdk.problems import ConnectionSettingsError, InvalidIdError

from makima_cli.examples import epilog
from makima_cli.stdout import drop_stdout

# name → (module:attribute of the click command, its help in one line, which `--help` shows without an import)
COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("makima_cli.up.command:up", "Start the whole system on this machine, until Ctrl-C."),
    "open": ("makima_cli.open_page:open_page", "Open the web page, signed in."),
    "contracts": ("makima_cli.contracts:contracts", "List, create, change and monitor contracts."),
    "agents": ("makima_cli.agents:agents", "List the agents of all contracts."),
    "needs-you": ("makima_cli.needs_you.command:needs_you", "List what waits for a person, and answer it."),
    "why": ("makima_cli.why:why", "Say why an agent or a daemon was declared dead."),
    "daemon": ("makima_cli.daemon:daemon", "Run agents on this machine, and read what they print."),
    "run": ("makima_cli.run:run", "Run any program as an agent."),
    "agent": ("makima_cli.agent:agent", "Let a script be an agent: wait for a task, complete it, leave."),
    "mcp": ("makima_cli.mcp_server:mcp", "Serve the Model Context Protocol: an MCP client is an agent."),
    "hook": ("makima_cli.hook.command:hook", "Tell makima what a coding agent does (run by its hooks)."),
    "token": ("makima_cli.token:token", "Create, list and revoke access tokens."),
    "dead-letters": (
        "makima_cli.dead_letters:dead_letters",
        "Show what could not be processed, and settle it.",
    ),
    "maintenance": ("makima_cli.maintenance:maintenance", "Expect silence for a while."),
    "context": ("makima_cli.context:context", "List, choose and add the systems that commands connect to."),
    "doctor": ("makima_cli.doctor:doctor", "Check every part of the system, and say what to do."),
    "completion": ("makima_cli.completion:completion", "Print the script that completes commands and ids."),
    "backup": (
        "makima_cli.backups.backup:backup",
        "Write the database of `makima up` into one file.",
    ),
    "restore": (
        "makima_cli.backups.restore:restore",
        "Put a backup in the place of the database.",
    ),
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

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._table:
            return None
        path = " ".join([*ctx.command_path.split()[1:], cmd_name])
        if sys.platform == "win32" and (stand_in := _unsupported(path)) is not None:
            return stand_in
        module, attribute = self._table[cmd_name][0].split(":")
        command = cast("click.Command", getattr(import_module(module), attribute))
        command.epilog = command.epilog or epilog(path)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches  # noqa: PLC0415 - for what is misspelt alone

            near = get_close_matches(args[0], self._table, n=1)
            if not near or "Did you mean" in error.format_message():
                raise
            raise click.UsageError(f"{error.format_message()} Did you mean {near[0]!r}?", ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 — click's signature
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in self._table.items()])


def _unsupported(path: str) -> click.Command | None:
    from makima_cli.windows import unsupported  # noqa: PLC0415 - for one platform

    return unsupported(path)


class Root(LazyGroup):
    """The top-level group: what was typed or set wrongly ends with exit 2 and one line, also as JSON (with
    `--format json`), and so does a stdout that cannot be written, with exit 1.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[TYPED] = list(args)
        if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison] - so it is where the shell closed it
            closed = "stdout is closed, so that nothing can be printed: open it, e.g. >/dev/null"
            raise _as_asked(click.ClickException(closed), ctx)
        try:
            return super().parse_args(ctx, args)
        except click.ClickException as error:
            raise _as_asked(error, ctx) from None

    def invoke(self, ctx: click.Context) -> object:
        try:
            _require_text(cast("list[str]", ctx.meta[TYPED]))
            return super().invoke(ctx)
        except (InvalidIdError, ConnectionSettingsError) as error:
            raise _as_asked(click.UsageError(str(error)), ctx) from error
        except click.ClickException as error:
            raise _as_asked(error, ctx) from None
        except OSError as error:
            drop_stdout()
            if error.errno == errno.EPIPE:  # the reader, `head` for example, has all that it wants
                ctx.exit(1)
            raise _as_asked(click.ClickException(str(error)), ctx) from error


def _require_text(typed: list[str]) -> None:
    """Raises `UsageError` for an argument that is not UTF-8 (Python keeps its bytes as surrogates)."""
    for number, argument in enumerate(typed, 1):
        if any("\ud800" <= character <= "\udfff" for character in argument):
            raise click.UsageError(f"argument {number} is not valid UTF-8: {argument[:100]!a}")


def _as_asked(error: click.ClickException, ctx: click.Context) -> click.ClickException:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):  # its message is the help
        return error
    typed = cast("list[str]", ctx.meta[TYPED])
    as_json = "--json" in typed or "--format=json" in typed or ("--format", "json") in pairwise(typed)
    kind = UsageProblem if isinstance(error, click.UsageError) else OneProblem
    return kind(error, as_json=as_json)


class OneProblem(click.ClickException):
    """An error of the command line, on stderr as all others are: `error: ...`, or a problem's JSON object."""

    code: ClassVar[str] = "FAILED"

    def __init__(self, error: click.ClickException, *, as_json: bool) -> None:
        super().__init__(error.format_message())
        self._context = error.ctx if isinstance(error, click.UsageError) else None
        self._as_json = as_json

    def show(self, file: IO[str] | None = None) -> None:
        usage = self._context.get_usage() if self._context else None
        if self._as_json:
            import json  # noqa: PLC0415 - a tenth of the time of `--help`

            problem = {"code": self.code, "detail": self.message, "hint": usage}
            click.echo(json.dumps(problem), file=file, err=file is None)
            return
        if self._context and usage:
            click.echo(f"{usage}\n  hint: {self._context.command_path} --help", file=file, err=file is None)
        click.echo(f"error: {self.message}", file=file, err=file is None)


class UsageProblem(OneProblem):
    """What was typed or set wrongly."""

    exit_code = 2
    code = "USAGE"


@click.command(cls=Root, table=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="makima-server", prog_name="makima")
def main() -> None:
    """Monitor fleets of AI coding agents: their work, their liveness, and the questions that wait for you."""


if __name__ == "__main__":
    main()
