"""Caches the folded states of one category in memory, and loads others from a snapshot and the log."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar, cast

from makima_schemas.codec import Event, decode

from makima_kernel.commands.decider import Fold
from makima_kernel.commands.snapshot_cache import (
    MIN_SNAPSHOT_BYTES,
    MIN_SNAPSHOT_EVENTS,
    Kept,
    SnapshotCache,
)
from makima_kernel.event_log.log import Log

S = TypeVar("S")
E = TypeVar("E", bound=Event)

MAX_CACHED_STREAMS: Final = 10_000  # the least recently used one is dropped


@dataclass(frozen=True, slots=True)
class Loaded(Generic[S]):
    """A stream's state at a version."""

    version: int
    state: S
    # The appender's session in which the state was read (see `Appender.session`); None: do not cache it.
    session: int | None = field(compare=False)


class StateCache(Generic[S, E]):
    """The cache. `session` returns the appender's present session.

    A state that was read in another session is not used: the log may have been restored since, so that the
    stream may never have been in that state.
    """

    def __init__(self, decider: Fold[S, E], log: Log, session: Callable[[], int | None]) -> None:
        self._decider = decider
        self._log = log
        self._session = session
        self._snapshot_cache = SnapshotCache(decider, log)
        self._cache: OrderedDict[tuple[str, str], Loaded[S]] = OrderedDict()

    async def load(self, tenant: str, stream: str) -> Loaded[S]:
        """The state from memory, else from a snapshot and the log.

        A state from memory may be behind the log.
        """
        cached = self._cache.get((tenant, stream))
        if cached is not None and self._holds(cached):
            self._cache.move_to_end((tenant, stream))
            return cached
        return await self._fold(tenant, stream, self._nothing())

    async def reload(self, tenant: str, stream: str) -> Loaded[S]:
        """The state as the log has it now."""
        cached = self._cache.get((tenant, stream))
        known = cached if cached is not None and self._holds(cached) else self._nothing()
        return await self._fold(tenant, stream, known)

    async def is_current(self, tenant: str, stream: str, loaded: Loaded[S]) -> bool:
        """True if no event was appended after `loaded`.

        To be checked before a refusal, as another replica may have appended
        events since the state was cached.
        """
        return await self._fold(tenant, stream, loaded if self._holds(loaded) else self._nothing()) == loaded

    def remember(self, tenant: str, stream: str, loaded: Loaded[S], events: list[E], version: int) -> None:
        """Caches the state after `events`, which were stored on top of `loaded`.

        It is cached under the session in which `loaded` was *read*. If the append went over a newer
        connection, `_holds` rejects the entry and the state is read again: the database may be another one
        since, e.g. a restored one.
        """
        state = loaded.state
        for event in events:
            state = self._decider.evolve(state, event)
        self._keep(tenant, stream, Loaded(version, state, loaded.session))

    def assume_new(self, tenant: str, stream: str) -> None:
        """Caches the initial state of a stream, without reading the log."""
        self._keep(tenant, stream, self._nothing())

    def forget(self, tenant: str, stream: str) -> None:
        self._cache.pop((tenant, stream), None)

    def forget_all(self) -> None:
        self._cache.clear()

    def _holds(self, loaded: Loaded[S]) -> bool:
        """True if the state was read in the appender's present session."""
        return loaded.session is not None and loaded.session == self._session()

    def _nothing(self) -> Loaded[S]:
        """The state of a stream without events."""
        return Loaded(0, self._decider.initial, self._session())

    async def _fold(self, tenant: str, stream: str, loaded: Loaded[S]) -> Loaded[S]:
        """Folds the events after `loaded` onto it, page by page, and caches the result."""
        version, state = await self._start(tenant, stream, loaded)
        count, size, last = 0, 0, None
        async for events in self._log.pages(tenant, stream, version):
            for last in events:
                state = self._decider.evolve(state, cast("E", decode(last.type, last.schema, last.data)))
                count, size, version = count + 1, size + len(last.data), last.version
        if last is not None and (count > MIN_SNAPSHOT_EVENTS or size > MIN_SNAPSHOT_BYTES):
            await self._snapshot_cache.save(tenant, stream, Kept(version, last.event_id, state))
        return self._keep(tenant, stream, Loaded(version, state, loaded.session))

    async def _start(self, tenant: str, stream: str, loaded: Loaded[S]) -> tuple[int, S]:
        """The version and state to fold from: of a valid snapshot, else of `loaded`."""
        kept = None if loaded.version else await self._snapshot_cache.load(tenant, stream)
        if kept is not None:
            known = await self._log.stream(tenant, stream, after=kept.version - 1, limit=1)
            if known and (known[0].version, known[0].event_id) == (kept.version, kept.event_id):
                return kept.version, kept.state
        return loaded.version, loaded.state

    def _keep(self, tenant: str, stream: str, loaded: Loaded[S]) -> Loaded[S]:
        """Caches a state, unless a newer one of the same session is cached:
        a slower handler may finish later.

        An old state in the cache is harmless: the append that is based on it conflicts,
        and the state is read again.
        """
        if self._holds(loaded):
            known = self._cache.get((tenant, stream))
            if known is None or not self._holds(known) or known.version < loaded.version:
                self._cache[(tenant, stream)] = loaded
            if len(self._cache) > MAX_CACHED_STREAMS:
                self._cache.popitem(last=False)
        return loaded
