"""The commands that Windows has no way for: there they end with one line, which says what else does it."""

import json
from typing import Final

import click

FAILED: Final = 1
_WSL: Final = "run it in WSL (`wsl --install`)"
# By command: what to do instead. They need process groups, file locks, or sockets that are files.
INSTEAD: Final = {
    "up": f"{_WSL}; the other commands, agents and the page reach it from Windows by its URL",
    "backup": f"{_WSL}, where `makima up` runs",
    "restore": f"{_WSL}, where `makima up` runs",
    "daemon start": f"{_WSL}; agents that nobody starts need no daemon: `makima_sdk`, `makima mcp`",
    "daemon logs": f"{_WSL}, as the daemon",
    "run": f"{_WSL}; or let the program be an agent by itself, with `makima_sdk` or `makima agent`",
    "hook install": f"{_WSL}, beside the daemon that hooks report to; or give the coding agent `makima mcp`",
    "doctor": f"{_WSL}, where the services are; `makima context ls` says which system commands reach from here",
}


def unsupported(command: str) -> click.Command | None:
    """What stands on Windows for a command of that name; None: it runs there, too."""
    if command not in INSTEAD:
        return None

    @click.pass_context
    def refuse(ctx: click.Context) -> None:
        after = " ".join(ctx.args).replace("=", " ").partition("--format ")[2]
        detail = f"`makima {command}` does not run on Windows: {INSTEAD[command]}"
        problem = json.dumps({"code": "UNSUPPORTED_PLATFORM", "detail": detail})
        click.echo(problem if after.startswith("json") else f"error: {detail}", err=True)
        ctx.exit(FAILED)

    return click.Command(
        command.rpartition(" ")[2],
        callback=refuse,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
        add_help_option=False,
    )
