"""Keeps answers out of every cache: what a token may see must not be on a disk, or shown to who comes after."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

NO_STORE: Final = (b"cache-control", b"no-store")
_STARTS: Final = frozenset({"http.response.start", "websocket.http.response.start"})


class NoStore:
    """ASGI middleware. An answer that says itself for how long it may be stored is left as it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] in _STARTS:
                headers = list(message.get("headers", ()))
                if not any(name == NO_STORE[0] for name, _ in headers):
                    message = {**message, "headers": [*headers, NO_STORE]}
            await send(message)

        await self._app(scope, receive, sending)
