"""What a decision depends on besides its own stream: another stream, read before, and held by a guard in the append
(decision 0001).
"""

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from makima_schemas.commands import Request

S_contra = TypeVar("S_contra", contravariant=True)
C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Consulted(Generic[C]):
    """A command together with what was read of another stream."""

    command: C  # what the decider gets instead of the command that was sent
    guard: tuple[str, int]  # the other stream, and its version when it was read


class Consult(Protocol[S_contra, C]):
    """Reads another stream for a decision; None if this command needs none.

    Called before each attempt, with the state that is decided on. `fresh`: from the log, because what was
    read before may be outdated; otherwise memory will do, as the guard refuses the append if that was too old.
    A command that is held by a guard of its own must not be consulted for: a conflict does not say of which guard it is.
    """

    async def __call__(
        self, request: Request[object], command: C, state: S_contra, /, *, fresh: bool
    ) -> Consulted[C] | None: ...


async def consult_nobody(
    _request: Request[object], _command: object, _state: object, /, *, fresh: bool
) -> None:
    """For the aggregates that decide on their own stream alone."""
    del fresh
