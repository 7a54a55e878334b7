"""Completes ids by what the server has now, within a bounded time, and without a word when it is away.

Click finds the parameter that is being typed; the name of the parameter says which ids it takes. So a new command's
`contract_id` is completed without a line in that command.
"""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    _resolve_context,  # pyright: ignore[reportPrivateUsage] - click has no public way to ask for the parameter
    _resolve_incomplete,  # pyright: ignore[reportPrivateUsage]
    add_completion_class,
)

from makima_cli.completion.ask import Found, contexts, of_contract, of_route
from makima_cli.readable import readable

ANSWER_SECONDS: Final = 0.25  # a person who presses Tab waits for it
MAX_DESCRIPTION: Final = 60  # characters

Typed = Mapping[str, object]  # the parameters of the command that were typed so far, by name
CONTRACTS: Final = of_route("/contracts?limit=500", "name")
LIVE: Final[Mapping[str, Callable[[Typed], Found]]] = {
    "contract_id": CONTRACTS,
    "contract_ids": CONTRACTS,
    "contract": CONTRACTS,
    "task_id": of_contract("tasks?limit=500", "name"),
    "question_id": of_contract("questions?limit=500", "question"),
    "daemon_id": of_route("/daemons?limit=500", "hostname"),
    "token_id": of_route("/tokens?limit=500", "role"),
    "context": contexts,
    "context_name": contexts,
}


def register() -> None:
    """Has click complete by the server's ids. Only where `_MAKIMA_COMPLETE` is set: it imports what that needs."""
    for shell in (_Bash, _Zsh, _Fish):
        add_completion_class(shell)


class _Live(ShellComplete):
    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        context, parameter = _being_typed(self, args, incomplete)
        find = None if parameter is None else LIVE.get(parameter.name or "")
        if context is None or find is None:
            return super().get_completions(args, incomplete)
        typed = {**(context.parent.params if context.parent else {}), **context.params}
        return [
            CompletionItem(each, help=readable(about)[:MAX_DESCRIPTION])
            for each, about in _within_time(lambda: find(typed))
            if each.startswith(incomplete)
        ]


class _Bash(_Live, BashComplete):
    pass


class _Zsh(_Live, ZshComplete):
    pass


class _Fish(_Live, FishComplete):
    pass


def _being_typed(
    shell: ShellComplete, args: list[str], incomplete: str
) -> tuple[click.Context | None, click.Parameter | None]:
    """The command's context, and the parameter that `incomplete` belongs to; None for a command's or option's name."""
    context = _resolve_context(shell.cli, shell.ctx_args, shell.prog_name, args)
    found, _ = _resolve_incomplete(context, args, incomplete)
    return context, found if isinstance(found, click.Parameter) else None


def _within_time(find: Callable[[], Found]) -> Found:
    """What it finds within `ANSWER_SECONDS`, name resolution included; nothing when it fails or takes longer."""
    found: list[tuple[str, str]] = []

    def ask() -> None:
        with suppress(Exception):  # whatever it is, a shell must not print it into the line being typed
            found.extend(find())

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(ANSWER_SECONDS)
    return tuple(found)
