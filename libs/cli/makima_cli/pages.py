"""Lists of the API that come in pages."""

from collections.abc import Mapping, Sequence
from typing import Final, cast

from makima_sdk.http import Http, Json

PAGE_SIZE: Final = 500


async def every(
    http: Http, route: str, query: Mapping[str, str | int | bool] | None = None, limit: int | None = None
) -> list[Json]:
    """The items of the list, `limit` of them at most, in as many requests as that needs."""
    found: list[Json] = []
    parameters: dict[str, str | int | bool] = dict(query or {})
    while limit is None or len(found) < limit:
        parameters["limit"] = PAGE_SIZE if limit is None else min(PAGE_SIZE, limit - len(found))
        page = (await http.send("GET", route, query=parameters)).body
        found.extend(cast("Sequence[Json]", page["items"]))
        if page.get("next_cursor") is None:
            break
        parameters["cursor"] = str(page["next_cursor"])
    return found
