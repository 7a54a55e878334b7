"""What carries messages to one subscriber: a WebSocket or an event stream."""

from typing import Protocol


class Transport(Protocol):
    """What carries the messages to one reader. It returns once the message is on its way, however long the reader takes."""

    async def send(self, kind: str, message: str, resume_at: int | None) -> None:
        """`message` is JSON of type `kind`; a reader that has it can go on behind `resume_at` (null: it says nothing about that)."""
        ...
