"""Wakes requests that wait for a contract to change: one query for all of them, each time the read model moves."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

import structlog
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.projections.projector import Projector
from makima_kernel.telemetry import metrics

from makima_gateway.read_model.queries import Queries

MOVE_POLL_SECONDS: Final = 1.0  # the position of another log (after a restore) may be lower: look this often
MIN_QUERY_GAP_SECONDS: Final = 0.05  # under steady traffic, versions are read at most this often
REST_PER_QUERY: Final = 4  # times what a query took: so they take at most a fifth of the time
MAX_REST_SECONDS: Final = 5.0  # one slow query must not hold up everybody for long
DATABASE_RETRY_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose request waits: a token's, and an owner's, who may have many tokens (also those of agents)."""

    token: str
    owner: str  # whose tokens share: an owner, or a daemon


@dataclass(frozen=True, slots=True)
class Shares:
    """How many requests may wait at once."""

    of_token: int
    of_owner: int


@dataclass(eq=False, slots=True)
class Waiter:
    """A request that knows these versions of a contract (null: any) and waits for another one."""

    tenant: str
    contract_id: str
    known: frozenset[int] | None
    changed: asyncio.Event = field(default_factory=asyncio.Event)


def rest_seconds(query_seconds: float) -> float:
    """How long to read nothing after a query that took so long."""
    return min(max(MIN_QUERY_GAP_SECONDS, REST_PER_QUERY * query_seconds), MAX_REST_SECONDS)


class VersionWatch:
    """The waiting requests of this process: of one token, and of one owner, no more than their shares."""

    def __init__(self, queries: Queries, projector: Projector, shares: Shares) -> None:
        self._queries, self._projector, self._shares = queries, projector, shares
        self._waiters: defaultdict[tuple[str, str], set[Waiter]] = defaultdict(set)
        self._of_token: Counter[str] = Counter()
        self._of_owner: Counter[str] = Counter()
        self._came = asyncio.Event()  # set when there is somebody to look for
        self._closing = False

    @contextmanager
    def waiter(
        self, holder: Holder, tenant: str, contract_id: str, known: frozenset[int] | None
    ) -> Generator[Waiter | None]:
        """A waiter from now on; None if its token or its owner has as many as it may have, or the server stops.

        Whoever reads the contract after this misses no change of it.
        """
        if self._closing or self._has_its_share(holder):
            metrics.http_waits_refused.inc()
            yield None
            return
        key, waiter = (tenant, contract_id), Waiter(tenant, contract_id, known)
        self._waiters[key].add(waiter)
        self._of_token[holder.token] += 1
        self._of_owner[holder.owner] += 1
        self._came.set()
        metrics.exported(metrics.http_waiting).inc()
        try:
            yield waiter
        finally:
            metrics.exported(metrics.http_waiting).dec()
            _less(self._of_token, holder.token)
            _less(self._of_owner, holder.owner)
            self._waiters[key].discard(waiter)
            if not self._waiters[key]:
                del self._waiters[key]

    def _has_its_share(self, holder: Holder) -> bool:
        return (
            self._of_token[holder.token] >= self._shares.of_token
            or self._of_owner[holder.owner] >= self._shares.of_owner
        )

    def close(self) -> None:
        """Let every waiting request be answered now: the server stops."""
        self._closing = True
        for waiters in self._waiters.values():
            for waiter in waiters:
                waiter.changed.set()

    async def run(self) -> None:
        """Until cancelled. While nobody waits, nothing is read."""
        seen = -1
        while True:
            took = 0.0
            if not self._waiters:
                self._came.clear()
                await self._came.wait()
            try:
                await self._projector.wait_for(seen + 1, MOVE_POLL_SECONDS)
                if self._projector.position != seen:
                    seen = self._projector.position
                    began = monotonic()
                    await self._wake_changed()
                    took = monotonic() - began
            except DATABASE_UNAVAILABLE as error:
                structlog.get_logger().warning("http.waits_blind", reason=f"{type(error).__name__}: {error}")
                seen = -1
                await asyncio.sleep(DATABASE_RETRY_SECONDS)
            await asyncio.sleep(rest_seconds(took))

    async def _wake_changed(self) -> None:
        keys = list(self._waiters)
        versions = await self._queries.versions(keys)
        for key in keys:
            version = versions.get(key)  # None: deleted
            for waiter in self._waiters.get(key, ()):
                if version is None or (waiter.known is not None and version not in waiter.known):
                    waiter.changed.set()


def _less(counted: Counter[str], name: str) -> None:
    """One less; a name without any is forgotten."""
    counted[name] -= 1
    if not counted[name]:
        del counted[name]
