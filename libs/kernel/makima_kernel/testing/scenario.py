"""Tests of rules: `given(opened, started).when(PauseContract("lunch")).then(ContractPaused(...))`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Member, Refused

from makima_kernel.commands.decider import Decider, fold

S = TypeVar("S")
C = TypeVar("C")
E = TypeVar("E")


@dataclass(frozen=True)
class Outcome(Generic[S, E]):
    """The result of a command: events, or a refusal."""

    before: S  # the state on which the command was decided
    after: S  # the state after its events
    events: list[E]  # the events that it recorded
    refused: Refused | None  # None if it was accepted

    def then(self, *events: E) -> "Outcome[S, E]":
        """Asserts that the command recorded exactly these events, in this order."""
        assert self.refused is None, f"refused: {self.refused!r}"
        assert self.events == list(events), f"\n  expected {list(events)}\n  recorded {self.events}"
        return self

    def then_nothing(self) -> "Outcome[S, E]":
        """Asserts that the command was accepted and recorded no event."""
        return self.then()

    def then_refused(self, code: ErrorCode, **members: Member) -> Refused:
        """Asserts that the command was refused with this code and, among others, these members."""
        assert self.refused is not None, f"accepted: {self.events}"
        assert self.refused.code is code, f"{self.refused.code}: {self.refused.detail}"
        found = {name: self.refused.members.get(name) for name in members}
        assert found == members, f"members {self.refused.members}"
        return self.refused


@dataclass(frozen=True)
class Given(Generic[S, C, E]):
    """A state in which a command can be tried."""

    decider: Decider[S, C, E]
    state: S

    def when(self, command: C) -> Outcome[S, E]:
        """Decides `command` in this state."""
        try:
            events = self.decider.decide(command, self.state)
        except Refused as refused:
            return Outcome(self.state, self.state, [], refused)
        return Outcome(self.state, fold(self.decider, events, self.state), events, None)


def scenario(decider: Decider[S, C, E]) -> Callable[..., Given[S, C, E]]:
    """Returns the function `given` of a decider; its arguments are the events that happened before."""

    def given(*events: E) -> Given[S, C, E]:
        return Given(decider, fold(decider, events))

    return given
