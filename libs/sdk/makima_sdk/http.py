"""HTTP as makima speaks it: one call is one intent, with one idempotency key over all its attempts."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, cast
from uuid import uuid4

import httpx
import orjson

from makima_sdk.problems import ProblemError, UnreachableError

API: Final = "/api/v1"
WRITES: Final = frozenset({"POST", "PUT", "DELETE"})  # a DELETE, too, is asked again: the second answer must be the first
UNAVAILABLE: Final = 503
FIRST_RETRY_DELAY_SECONDS: Final = 0.1
MAX_RETRY_DELAY_SECONDS: Final = 2.0

Json = Mapping[str, object]
Query = Mapping[str, str | int | bool]


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer. `position` is where the write stands in the log (None for a read)."""

    status: int
    body: Json
    position: int | None


class Http:
    """A connection pool to one makima. Use it as an async context manager.

    `retry_for` is for how many seconds an unreachable or overloaded server (503 `UNAVAILABLE`, `OVERLOADED`) is asked
    again, with the same idempotency key, before the error is raised; 0 asks once.
    """

    def __init__(self, url: str, token: str | None = None, *, timeout: float = 10.0, retry_for: float = 10.0) -> None:
        self.url = url.rstrip("/")
        self._retry_for = retry_for
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.AsyncClient(base_url=self.url + API, headers=headers, timeout=timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._client.aclose()

    async def send(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        query: Query | None = None,
        expected_version: int | None = None,
        key: str | None = None,
    ) -> Answer:
        """Send one intent and return the answer's JSON object.

        `expected_version` becomes `If-Match`; `key` the `Idempotency-Key` of a write (a new one where none is given: pass
        your own to make an intent repeatable over restarts of your program).
        Raises `ProblemError` and `UnreachableError`.
        """
        headers: dict[str, str] = {}
        if method in WRITES:
            headers["Idempotency-Key"] = key or str(uuid4())
        if expected_version is not None:
            headers["If-Match"] = f'"{expected_version}"'
        request = self._client.build_request(
            method,
            path,
            content=None if body is None else orjson.dumps(body),
            params=None if query is None else dict(query),
            headers=headers,
        )
        if body is not None:
            request.headers["Content-Type"] = "application/json"
        return await self._send_with_retry(request)

    async def _send_with_retry(self, request: httpx.Request) -> Answer:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._retry_for
        delay = FIRST_RETRY_DELAY_SECONDS
        while True:
            try:
                return await self._once(request)
            except (ProblemError, UnreachableError) as error:
                if not _is_transient(error) or loop.time() + delay > deadline:
                    raise
            await asyncio.sleep(delay)
            delay = min(delay * 2, MAX_RETRY_DELAY_SECONDS)

    async def _once(self, request: httpx.Request) -> Answer:
        try:
            response = await self._client.send(request)
        except httpx.TransportError as error:
            raise UnreachableError(self.url, str(error) or type(error).__name__) from error
        body = _object(response.content)
        if not response.is_success:
            raise ProblemError(response.status_code, body)
        position = response.headers.get("Makima-Position")
        return Answer(response.status_code, body, None if position is None else int(position))


def _is_transient(error: ProblemError | UnreachableError) -> bool:
    """Whether the trouble may be over in a moment, and nothing was decided."""
    return isinstance(error, UnreachableError) or (error.status == UNAVAILABLE and error.code != "SUPERVISOR_DEAD")


def _object(content: bytes) -> Json:
    """The body as a JSON object; whatever else a proxy may answer becomes a problem's detail."""
    if not content:
        return {}
    try:
        value: object = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {"detail": content[:500].decode(errors="replace")}
    return cast("Json", value) if isinstance(value, dict) else {"items": value}
