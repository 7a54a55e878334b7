"""What an aggregate is: two pure functions and where they begin."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

S = TypeVar("S")
C_contra = TypeVar("C_contra", contravariant=True)
E = TypeVar("E")


class Decider(Protocol[S, C_contra, E]):
    """`decide` raises `makima_schemas.refusal.Refused`; an empty answer means that nothing had to change."""

    @property
    def initial(self) -> S: ...

    def decide(self, command: C_contra, state: S) -> list[E]: ...

    def evolve(self, state: S, event: E) -> S: ...


def fold(decider: Decider[S, C_contra, E], events: Iterable[E], state: S | None = None) -> S:
    """The state after `events`, from the beginning or from `state`."""
    folded = decider.initial if state is None else state
    for event in events:
        folded = decider.evolve(folded, event)
    return folded
