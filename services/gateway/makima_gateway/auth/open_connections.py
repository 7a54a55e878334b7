"""Connections that stay open, by the id of what they were opened with: each ends when that does."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable


class OpenConnections:
    """One event for each open connection, set when its token or session ends."""

    def __init__(self) -> None:
        self._open: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    @property
    def ids(self) -> list[str]:
        return list(self._open)

    async def until_ended(self, of: str) -> None:
        """Returns once `end` was called with this id."""
        ended = asyncio.Event()
        self._open[of].add(ended)
        try:
            await ended.wait()
        finally:
            self._open[of].discard(ended)
            if not self._open[of]:
                del self._open[of]

    def end(self, ids: Iterable[str]) -> None:
        for each in ids:
            for ended in self._open.get(each, ()):
                ended.set()
