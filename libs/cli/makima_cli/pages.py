"""Lists of the API that come in pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from makima_sdk.http import Http, Json

PAGE_SIZE: Final = 500
MAX_ITEMS: Final = 10_000_000  # of a list that is read as a whole


@dataclass(frozen=True, slots=True)
class Listed:
    """The beginning of a list."""

    items: list[Json]
    total: int | None  # of the whole list; None: there are more than these, and the API counts none

    @property
    def rest(self) -> str:
        """What is left out, for people; empty if nothing is."""
        if self.total is None:
            return f"{len(self.items)} are shown, and there are more: raise --limit"
        if self.total <= len(self.items):
            return ""
        return f"{len(self.items)} of {self.total} are shown: --limit {self.total} shows all"


async def beginning(
    http: Http, route: str, query: Mapping[str, str | int | bool] | None = None, limit: int = PAGE_SIZE
) -> Listed:
    """The first `limit` items of the list, and how many there are."""
    found: list[Json] = []
    parameters: dict[str, str | int | bool] = dict(query or {})
    while True:
        parameters["limit"] = min(PAGE_SIZE, limit - len(found))
        page = (await http.send("GET", route, query=parameters)).body
        found.extend(cast("Sequence[Json]", page["items"]))
        following = page.get("next_cursor")
        if following is None:
            return Listed(found, len(found))
        if len(found) >= limit:
            return Listed(found, cast("int | None", page.get("total")))
        parameters["cursor"] = str(following)


async def every(http: Http, route: str, query: Mapping[str, str | int | bool] | None = None) -> list[Json]:
    """All items of the list, in as many requests as that needs."""
    return (await beginning(http, route, query, MAX_ITEMS)).items
