"""The filter of a pane, in the language of the API's query: `status:active,blocked stale:true words`."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final

from makima_schemas.agent import AgentStatus
from makima_schemas.contract.model import ContractStatus
from makima_sdk.agents import AgentRecord
from makima_sdk.models import Contract

from makima_cli.durations import seconds_of

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class FilterError(ValueError):
    """What was typed is no filter; the message says what is."""


def statuses(known: Collection[str]) -> Callable[[str], object]:
    def read(text: str) -> object:
        chosen = frozenset(text.split(","))
        if not chosen <= set(known):
            raise FilterError(f"status is one or more of {','.join(known)}")
        return chosen

    return read


def flag(text: str) -> object:
    if text not in ("true", "false"):
        raise FilterError(f"{text!r} is neither true nor false")
    return text == "true"


def duration(text: str) -> object:
    seconds = seconds_of(text)
    if seconds is None:
        raise FilterError(f"{text!r} is no duration, e.g. 30m, 2h, 7d")
    return timedelta(seconds=seconds)


Members = Mapping[str, Callable[[str], object]]
CONTRACTS: Final[Members] = MappingProxyType(
    {
        "status": statuses([*ContractStatus]),
        "phase": str,
        "stale": flag,
        "waiting": flag,
        "threshold": duration,
    }
)
AGENTS: Final[Members] = MappingProxyType({"status": statuses([*AgentStatus]), "stuck": flag})
EVENTS: Final[Members] = MappingProxyType({"type": str})


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter as it was typed, and what it means. An empty one matches everything."""

    text: str = ""
    members: Mapping[str, object] = field(default_factory=dict[str, object])
    words: str = ""  # in lower case

    def contract(self, contract: Contract, now: datetime) -> bool:
        facts = {
            "phase": contract.phase,
            "stale": contract.stale,
            "waiting": contract.status is ContractStatus.WAITING_FOR_INPUT,
        }
        return (
            _in(contract.status, self.members.get("status"))
            and all(self.members.get(name, value) == value for name, value in facts.items())
            and self._is_inactive(contract, now)
            and self.words in f"{contract.name} {contract.id}".lower()
        )

    def agent(self, agent: AgentRecord, contract_name: str) -> bool:
        return (
            _in(agent.status_now, self.members.get("status"))
            and self.members.get("stuck", agent.stuck) == agent.stuck
            and self.words in f"{agent.role} {contract_name} {agent.contract_id}".lower()
        )

    def event(self, kind: str, line: str) -> bool:
        return self.members.get("type", kind) == kind and self.words in f"{kind} {line}".lower()

    def _is_inactive(self, contract: Contract, now: datetime) -> bool:
        threshold = self.members.get("threshold")
        if not isinstance(threshold, timedelta):
            return True
        return now - (contract.last_activity_at or _NEVER) >= threshold


def parse(text: str, allowed: Members) -> Wanted:
    """Raises `FilterError`, which names what a filter of this pane may have."""
    members: dict[str, object] = {}
    words: list[str] = []
    for part in text.split():
        name, colon, value = part.partition(":")
        if colon and name not in allowed:
            raise FilterError(f"no filter {name!r}: there are {', '.join(allowed)}, and words")
        if colon:
            members[name] = allowed[name](value)
        else:
            words.append(part.lower())
    return Wanted(text, members, " ".join(words))


def _in(value: str, chosen: object) -> bool:
    return not isinstance(chosen, frozenset) or value in chosen
