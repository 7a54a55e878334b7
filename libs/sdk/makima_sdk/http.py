"""HTTP client of the makima API. All attempts of one call carry the same idempotency key."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol, Self, cast
from uuid import uuid4

import httpx
import orjson

from makima_sdk.paths import checked
from makima_sdk.problems import ConnectionSettingsError, ProblemError, UnreachableError
from makima_sdk.transport import ENVIRONMENT, address, authorization, is_loopback

API: Final = "/api/v1"
WRITES: Final = frozenset({"POST", "PUT", "DELETE"})  # these get an idempotency key
# The server, or a proxy before it, cannot answer now: while it restarts, for example.
TRANSIENT_STATUSES: Final = frozenset({502, 503, 504})
NOT_MODIFIED: Final = 304
FIRST_RETRY_DELAY_SECONDS: Final = 0.1
MAX_RETRY_DELAY_SECONDS: Final = 2.0

Json = Mapping[str, object]
Query = Mapping[str, str | int | bool]


class Sender(Protocol):
    """What the typed clients send their requests by."""

    async def send(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        query: Query | None = None,
        expected_version: int | None = None,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> "Answer": ...


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful response, or that nothing has changed."""

    status: int  # HTTP status, 2xx; 304 if nothing has changed since the version of `If-None-Match`
    body: Json
    position: int | None  # log position of the write (header Makima-Position); None for a read
    version: int | None = None  # of the contract (header ETag), if the answer tells it


class Http:
    """A connection pool to one makima installation. Use it as an async context manager.

    `timeout` is the limit of one attempt in seconds. `retry_for` is for how many seconds a call is repeated,
    with the same idempotency key, while the server is unreachable or overloaded (503 `UNAVAILABLE`,
    `OVERLOADED`), before the error is raised; 0 means a single attempt. It may
    be changed between calls.

    Raises `ConnectionSettingsError` if the address, the token, or the proxy or certificates that the environment
    names cannot be used. A server on this machine is reached without a proxy.
    """

    def __init__(
        self, url: str, token: str | None = None, *, timeout: float = 10.0, retry_for: float = 10.0
    ) -> None:
        self.url = address(url)
        self.retry_for = retry_for
        self._client = _client(self.url, authorization(token), timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        retry_for: float | None = None,
    ) -> Answer:
        """Send one request, with retries, and return its answer.

        `headers` are further ones. `timeout` and `retry_for` (seconds) replace those of this object.

        `expected_version` is sent as `If-Match`, `key` as the `Idempotency-Key` of a write. Without `key` a
        random one is used; pass your own to repeat the write safely after a restart of your program. Raises
        `ProblemError` if the server refuses, and `UnreachableError` if it does not answer.

        Make a path with an id in it by `makima_sdk.path`. Raises `InvalidIdError`, and sends nothing, if a part
        of the path is no id.
        """
        sent = dict(headers or {})
        if method in WRITES:
            sent["Idempotency-Key"] = key or str(uuid4())
        if expected_version is not None:
            sent["If-Match"] = f'"{expected_version}"'
        request = self._client.build_request(
            method,
            checked(path),
            content=None if body is None else orjson.dumps(body),
            params=None if query is None else dict(query),
            headers=sent,
            timeout=httpx.USE_CLIENT_DEFAULT if timeout is None else timeout,
        )
        if body is not None:
            request.headers["Content-Type"] = "application/json"
        return await self._send_with_retry(request, self.retry_for if retry_for is None else retry_for)

    async def _send_with_retry(self, request: httpx.Request, retry_for: float) -> Answer:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + retry_for
        delay = FIRST_RETRY_DELAY_SECONDS
        while True:
            try:
                return await self._once(request)
            except (ProblemError, UnreachableError) as error:
                if not is_transient(error) or loop.time() + delay > deadline:
                    raise
            await asyncio.sleep(delay)
            delay = min(delay * 2, MAX_RETRY_DELAY_SECONDS)

    async def _once(self, request: httpx.Request) -> Answer:
        try:
            response = await self._client.send(request)
        except httpx.RequestError as error:
            raise UnreachableError(self.url, str(error) or type(error).__name__) from error
        body = _object(response.content)
        if not response.is_success and response.status_code != NOT_MODIFIED:
            raise ProblemError(response.status_code, body)
        position = response.headers.get("Makima-Position")
        # A proxy that compresses the answer makes it weak.
        version = response.headers.get("ETag", "").removeprefix("W/").strip('"')
        return Answer(
            response.status_code,
            body,
            None if position is None else int(position),
            int(version) if version.isdecimal() else None,
        )


def _client(url: str, headers: dict[str, str], timeout: float) -> httpx.AsyncClient:
    try:
        return httpx.AsyncClient(
            base_url=url + API,
            headers=headers,
            timeout=timeout,
            trust_env=not is_loopback(url),
            # Without TLS no certificates are needed, so that they are not loaded, and may be missing.
            verify=httpx.create_ssl_context()
            if url.startswith("https:")
            else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        )
    except (
        ImportError,
        ValueError,
        OSError,
    ) as error:  # no SOCKS support; no URL; no such file, no certificate
        raise ConnectionSettingsError(f"{_first_line(error)}: {ENVIRONMENT}") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def is_transient(error: ProblemError | UnreachableError) -> bool:
    """True if a retry may succeed. 503 `SUPERVISOR_DEAD` is a decision about the request, so it is final."""
    return isinstance(error, UnreachableError) or (
        error.status in TRANSIENT_STATUSES and error.code != "SUPERVISOR_DEAD"
    )


def _object(content: bytes) -> Json:
    """The body as a JSON object. A body that is not JSON (a proxy's error page) becomes `detail`, cut to 500
    bytes; one that is JSON but no object becomes `items`.
    """
    if not content:
        return {}
    try:
        value: object = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {"detail": content[:500].decode(errors="replace")}
    return cast("Json", value) if isinstance(value, dict) else {"items": value}
