"""The connection over which a subscriber sends its messages: a WebSocket or an event stream."""

from typing import Protocol


class Transport(Protocol):
    """The connection to one client.

    `send` returns once the message is in the connection's buffer, so it waits as long as a slow client keeps
    that full.
    """

    async def send(self, kind: str, message: str, resume_at: str | None) -> None:
        """Send `message`, a JSON text of type `kind`.

        A client that has received it can resume at `resume_at` (`<epoch>:<position>`); null: the message has
        no such place.
        """
        ...
