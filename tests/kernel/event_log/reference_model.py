"""The log as a page of Python: what event_log.append must answer, without a database."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from makima_kernel.event_log.append import (
    Append,
    Appended,
    Conflict,
    Duplicate,
    GuardConflict,
    KeyReused,
    Outcome,
    TooLarge,
)


@dataclass(slots=True)
class Model:
    """A log that starts after position `head`."""

    head: int
    versions: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    answers: dict[tuple[str, UUID], tuple[bytes, Duplicate]] = field(
        default_factory=dict[tuple[str, UUID], tuple[bytes, Duplicate]]
    )

    def call(self, batch: Sequence[Append]) -> list[Outcome]:
        return [self.one(append) for append in batch]

    def one(self, append: Append) -> Outcome:
        stream = (append.tenant, append.stream)
        current = self.versions.get(stream, 0)
        first = self.answers.get((append.tenant, append.command_id))
        if first is not None:
            return first[1] if first[0] == append.request_hash else KeyReused()
        if any(len(event.data) > 262_144 for event in append.events):
            return TooLarge(262_144)
        if sum(len(event.data) for event in append.events) > 524_288:
            return TooLarge(524_288)
        if append.expected not in (None, current):
            return Conflict(current)
        for guarded, version in append.guards:
            guard = self.versions.get((append.tenant, guarded), 0)
            if guard != version:
                return GuardConflict(guard)
        answer = Appended(current + len(append.events), self.head + len(append.events), self.head + 1)
        self.head = answer.position
        if append.events:
            self.versions[stream] = answer.version
        self.answers[append.tenant, append.command_id] = (
            append.request_hash,
            Duplicate(answer.version, answer.position, bool(append.events)),
        )
        return answer
