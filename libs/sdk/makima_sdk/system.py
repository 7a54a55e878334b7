"""Typed client for the HTTP routes of whoever runs the system: its state, dead letters and maintenance."""

from collections.abc import Mapping
from datetime import datetime

from makima_schemas.times import rfc3339

from makima_sdk.http import Http, Json, Query
from makima_sdk.models import DeadLetter, MaintenanceWindow, Page, read
from makima_sdk.paths import path


class System:
    """The administrators' routes of one makima installation. They raise what those of `Contracts` do."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def show(self) -> Mapping[str, object]:
        """Return replicas, lag, thresholds, flags and maintenance, as docs/api.md lists them."""
        return (await self._http.send("GET", "/system")).body

    async def dead_letters(self, query: Query | None = None) -> Page[DeadLetter]:
        """Return one page, newest first. `query` takes `limit` and `cursor`."""
        return read(Page[DeadLetter], (await self._http.send("GET", "/dead-letters", query=query)).body)

    async def dead_letter(self, letter_id: str) -> DeadLetter:
        return read(DeadLetter, (await self._http.send("GET", path("dead-letters", letter_id))).body)

    async def retry_dead_letter(self, letter_id: str) -> None:
        """Send it again, while `retry_until` is not over; what still cannot be processed becomes another letter."""
        await self._http.send("POST", path("dead-letters", letter_id, "retry"))

    async def delete_dead_letter(self, letter_id: str) -> None:
        """Delete it; its message stays unprocessed."""
        await self._http.send("DELETE", path("dead-letters", letter_id))

    async def maintenance(self) -> tuple[MaintenanceWindow, ...]:
        """Return the windows that are open, oldest first, and then those that are planned."""
        return _windows((await self._http.send("GET", "/maintenance")).body)

    async def start_maintenance(
        self, scope: str, until: datetime, reason: str, starts_at: datetime | None = None
    ) -> tuple[MaintenanceWindow, ...]:
        """Hold back verdicts of silence from `starts_at`, or now, until `until`, about the senders of `scope`: `all`,
        `owner:<id>`, `daemon:<id>` or `contract:<id>`. Return all windows.
        """
        body = _window(scope, until, reason, starts_at)
        return _windows((await self._http.send("PUT", "/maintenance", body)).body)

    async def open_maintenance(
        self, scope: str, until: datetime, reason: str, starts_at: datetime | None = None
    ) -> MaintenanceWindow:
        """As `start_maintenance`, but it raises `CONFLICT` instead of changing a window of the same scope. Return this
        window.
        """
        body = _window(scope, until, reason, starts_at)
        return read(MaintenanceWindow, (await self._http.send("POST", "/maintenance", body)).body)

    async def end_maintenance(self, scope: str) -> tuple[MaintenanceWindow, ...]:
        """End it now: everyone in its scope has a full timeout; or call it off. Return the windows that are left."""
        return _windows((await self._http.send("DELETE", "/maintenance", query={"scope": scope})).body)


def _window(scope: str, until: datetime, reason: str, starts_at: datetime | None) -> Json:
    """A gateway of a version before knows no `starts_at`, and gets none where none is needed."""
    later = {} if starts_at is None else {"starts_at": rfc3339(starts_at)}
    return {"scope": scope, "until": rfc3339(until), "reason": reason, **later}


def _windows(body: Json) -> tuple[MaintenanceWindow, ...]:
    return read(tuple[MaintenanceWindow, ...], body["items"])
