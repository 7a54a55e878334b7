"""The decider: an aggregate as two pure functions and an initial state."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

S = TypeVar("S")
C_contra = TypeVar("C_contra", contravariant=True)
E = TypeVar("E")
E_contra = TypeVar("E_contra", contravariant=True)


class Fold(Protocol[S, E_contra]):
    """What a stream's events make of a state."""

    @property
    def initial(self) -> S:
        """The state before any event."""
        ...

    def evolve(self, state: S, event: E_contra) -> S:
        """The state after `event`. Never refuses: the event has happened."""
        ...


class Decider(Fold[S, E], Protocol[S, C_contra, E]):
    """The rules of an aggregate. All of it is pure: time, ids and randomness arrive in the command."""

    def decide(self, command: C_contra, state: S) -> list[E]:
        """The events that the command records; none if nothing has to change.

        Raises `makima_schemas.refusal.Refused`.
        """
        ...


def fold(rules: Fold[S, E], events: Iterable[E], state: S | None = None) -> S:
    """The state after `events`, folded from `state`, by default from the initial state."""
    folded = rules.initial if state is None else state
    for event in events:
        folded = rules.evolve(folded, event)
    return folded
