"""The connection over which a subscriber sends its messages: a WebSocket or an event stream."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Message(NamedTuple):
    """`text`: JSON of type `kind`. A client that has received it can resume at `resume_at` (`<epoch>:<position>`);
    null: it has no such place.
    """

    kind: str
    text: str
    resume_at: str | None


class Transport(Protocol):
    """The connection to one client.

    `send` returns once the message is in the connection's buffer, so it waits as long as a slow client keeps
    that full.
    """

    async def send(self, kind: str, message: str, resume_at: str | None) -> None:
        """Send one `Message`."""
        ...

    async def send_together(self, messages: Sequence[Message]) -> None:
        """Send several, in order, with as little to do for the client as the connection allows."""
        ...
