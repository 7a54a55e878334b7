"""The query parameters of a contract's events, and of its timeline."""

from typing import Annotated, Final, Literal, cast

from makima_kernel.event_log.log import MAX_POSITION
from pydantic import BaseModel, ConfigDict, Field

from makima_gateway.http import pagination as cursors
from makima_gateway.http.problems import invalid
from makima_gateway.read_model.timeline import CATEGORIES, Span, TimelineCategory

KNOWN: Final = ", ".join(CATEGORIES)
Place = Annotated[int, Field(ge=0, le=MAX_POSITION)]
End = Annotated[int, Field(ge=1, le=MAX_POSITION)]
# By the list's name: that of its cursors where it begins with the newest. A cursor is of one order.
_NEWEST_FIRST: Final[dict[cursors.List, cursors.List]] = {
    "events": "events, newest first",
    "timeline": "timeline, newest first",
}


class _SpanQuery(BaseModel):
    """An unknown parameter is refused instead of ignored."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=500)] = 50
    cursor: Annotated[str, Field(max_length=500)] | None = None

    def _span(self, of: cursors.List, order: str, after: int, before: int | None) -> Span:
        """What is left behind the cursor. Raises `INVALID_REQUEST` for the cursor of another list or order."""
        end = MAX_POSITION if before is None else before
        if order == "desc":
            seen = cursors.position(_NEWEST_FIRST[of], self.cursor)
            return Span(after, end if seen is None else min(seen, end), newest_first=True)
        seen = cursors.position(of, self.cursor)
        return Span(after if seen is None else max(seen, after), end, newest_first=False)


def list_name(of: cursors.List, span: Span) -> cursors.List:
    return _NEWEST_FIRST[of] if span.newest_first else of


class EventsQuery(_SpanQuery):
    order: Annotated[Literal["asc", "desc"], Field(description="by version; `desc`: newest first")] = "asc"
    after: Annotated[Place, Field(description="only events after this version of the contract")] = 0
    before: Annotated[End, Field(description="only events before this version of the contract")] | None = None

    @property
    def span(self) -> Span:
        return self._span("events", self.order, self.after, self.before)


class TimelineQuery(_SpanQuery):
    categories: (
        Annotated[str, Field(max_length=200, description=f"only events of these, a comma list of: {KNOWN}")]
        | None
    ) = None
    order: Annotated[Literal["asc", "desc"], Field(description="by position; `desc`: newest first")] = "asc"
    after: Annotated[Place, Field(description="only events after this position")] = 0
    before: Annotated[End, Field(description="only events before this position")] | None = None

    @property
    def wanted(self) -> frozenset[TimelineCategory]:
        """Raises `INVALID_REQUEST` for a category that is none."""
        if self.categories is None:
            return frozenset(CATEGORIES)
        given = {part.strip() for part in self.categories.split(",")}
        if unknown := sorted(given.difference(CATEGORIES)):
            raise invalid("query.categories", f"{unknown[0]!r} is none; the categories are {KNOWN}")
        return cast("frozenset[TimelineCategory]", frozenset(given))

    @property
    def span(self) -> Span:
        return self._span("timeline", self.order, self.after, self.before)
