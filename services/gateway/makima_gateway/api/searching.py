"""A search (`q`) looks at many rows, so a token runs few of them at once, each for a short time."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

from makima_gateway.api.reads import ReadContext


@asynccontextmanager
async def search(read: ReadContext, hint: str) -> AsyncGenerator[float]:
    """Holds a search's turn of the caller's token; yields how many seconds a query of it may take.

    Raises `TOO_MANY_REQUESTS` if no turn becomes free in time, and `OVERLOADED`, with this hint, for a `TimeoutError`.
    """
    seconds = read.gateway.settings.http.search_timeout_seconds
    async with read.gateway.searches.turn(read.principal.token_id):
        try:
            yield seconds
        except TimeoutError as error:
            raise Refused(
                ErrorCode.OVERLOADED, f"the search took more than {seconds:g} s", hint=hint
            ) from error
