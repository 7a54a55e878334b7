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
from makima_schemas.identity import is_id

from makima_cli.completion.ask import (
    Found,
    agents,
    confirmations,
    contexts,
    either,
    of_contract,
    of_route,
    one_of,
    phases,
    questions,
    roles,
    windows,
)
from makima_cli.readable import readable
from makima_cli.render import COLOURS

ANSWER_SECONDS: Final = 0.25  # a person who presses Tab waits for it
MAX_DESCRIPTION: Final = 60  # characters

STATUSES: Final = tuple(COLOURS)
# By their names: the enumeration brings pydantic, and a list of services the package metadata of all that is installed.
AGENT_STATUSES: Final = ("offline", "ready", "working", "restarting", "dead", "dead_failed_revive")
PROJECTIONS: Final = ("completion_detector", "contract", "gateway", "stale_detector", "supervisor_heartbeat")
UUID_LENGTH: Final = 36
UUID_HYPHENS: Final = 4
LISTS: Final = ("status", "wanted")  # words with commas between them

Typed = Mapping[str, object]  # the parameters of the command that were typed so far, by name
CONTRACTS: Final = of_route("/contracts?limit=500", "name")
LIVE: Final[Mapping[str, Callable[[Typed], Found]]] = {
    "contract_id": CONTRACTS,
    "contract_ids": CONTRACTS,
    "contract": CONTRACTS,
    "ran_for": CONTRACTS,
    "task_id": of_contract("tasks?limit=500", "name"),
    "question_id": of_contract("questions?limit=500", "question"),
    "daemon_id": of_route("/daemons?limit=500", "hostname"),
    "token_id": of_route("/tokens?limit=500", "role"),
    "who": either(agents, of_route("/daemons?limit=500", "hostname")),
    "answer": questions,
    "confirm": confirmations,
    "status": one_of(STATUSES),
    "wanted": one_of(STATUSES),
    "phase": phases,
    "role": roles,
    "to_role": roles,
    "daemon": of_route("/daemons?limit=500", "hostname"),
    "scope": either(one_of(("all",)), windows),
    "letter_id": of_route("/dead-letters?limit=200", "reason"),
    "agents status": one_of(AGENT_STATUSES),
    "ledger name": one_of(PROJECTIONS),
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
        find = None if context is None or parameter is None else _way(context, parameter)
        if context is None or parameter is None or find is None:
            return super().get_completions(args, incomplete)
        typed = {**(context.parent.params if context.parent else {}), **context.params}
        # click gives up on the arguments where the last word is an option that still lacks its value.
        typed["contract_id"] = typed.get("contract_id") or next(filter(_is_whole_id, args), None)
        before, comma, last = incomplete.rpartition(",") if parameter.name in LISTS else ("", "", incomplete)
        return [
            CompletionItem(f"{before}{comma}{each}", help=readable(about)[:MAX_DESCRIPTION])
            for each, about in _within_time(lambda: find(typed))
            if each.startswith(last)
        ]


class _Bash(_Live, BashComplete):
    pass


class _Zsh(_Live, ZshComplete):
    pass


class _Fish(_Live, FishComplete):
    pass


def _is_whole_id(word: str) -> bool:
    """True for a UUID; `makima_cli.short_ids` would bring the HTTP client."""
    return len(word) == UUID_LENGTH and word.count("-") == UUID_HYPHENS and is_id(word)


def _way(context: click.Context, parameter: click.Parameter) -> Callable[[Typed], Found] | None:
    """By the group and the parameter, else by the parameter; click itself knows the words of a choice."""
    if isinstance(parameter.type, click.Choice):
        return None
    group = context.parent.info_name if context.parent else None
    return LIVE.get(f"{group} {parameter.name}") or LIVE.get(parameter.name or "")


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
