"""The rule of ends: whether an agent's process that ended has left, was replaced, or crashed. Pure."""

import signal
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from makima_schemas.agent import BEATING, AgentStatus
from makima_schemas.contract.model import ContractStatus

COMMAND_NOT_FOUND: Final = 127  # the exit code of shells for a command that is not there, or cannot be run

OVER: Final = frozenset({ContractStatus.COMPLETED, ContractStatus.FAILED, ContractStatus.ARCHIVED})


class Ending(StrEnum):
    LEFT = "left"  # on purpose: it is not restarted
    REPLACED = "replaced"  # another connection is in force: it is not restarted
    CRASHED = "crashed"
    SUSPENDED = "suspended"  # it crashed, and its contract is paused: nothing of that is restarted


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """What makima says about the agent when its process has ended. Without a record, its members are None."""

    contract: ContractStatus | None  # None: there is none, or none for us
    connection_id: str | None = None
    status: AgentStatus | None = None


def ending(exit_code: int | None, connection_id: str, ours: frozenset[str], known: AgentFacts) -> Ending:
    """`exit_code` is None for a process whose parent was an earlier daemon: nobody can know it then. `ours` are
    the connections that this daemon gave out.

    An agent that says goodbye has left, whatever its exit code says; so has every one of a contract that is over.
    """
    if exit_code == 0 or known.contract is None or known.contract in OVER:
        return Ending.LEFT
    if known.connection_id == connection_id and known.status is AgentStatus.OFFLINE:
        return Ending.LEFT
    if known.connection_id is not None and known.connection_id not in ours and known.status in BEATING:
        return Ending.REPLACED
    return Ending.SUSPENDED if known.contract is ContractStatus.PAUSED else Ending.CRASHED


def end_of_process(code: int | None) -> str:
    """It in words; `code` as `ending` takes it, -N if signal N killed the process."""
    if code is None:
        return "its process ended, and an earlier daemon was its parent, so that its exit code is not known"
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
