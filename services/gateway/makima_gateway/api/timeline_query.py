"""The query parameters of a contract's timeline."""

from typing import Annotated, Final, Literal, cast

from pydantic import BaseModel, ConfigDict, Field

from makima_gateway.api.reads import MAX_POSITION
from makima_gateway.http import pagination as cursors
from makima_gateway.http.problems import invalid
from makima_gateway.read_model.timeline import CATEGORIES, Span, TimelineCategory

KNOWN: Final = ", ".join(CATEGORIES)


class TimelineQuery(BaseModel):
    """An unknown parameter is refused instead of ignored."""

    model_config = ConfigDict(extra="forbid")

    categories: (
        Annotated[str, Field(max_length=200, description=f"only events of these, a comma list of: {KNOWN}")]
        | None
    ) = None
    order: Annotated[Literal["asc", "desc"], Field(description="by position; `desc`: newest first")] = "asc"
    after: Annotated[int, Field(ge=0, le=MAX_POSITION, description="only events after this position")] = 0
    before: (
        Annotated[int, Field(ge=1, le=MAX_POSITION, description="only events before this position")] | None
    ) = None
    limit: Annotated[int, Field(ge=1, le=500)] = 50
    cursor: Annotated[str, Field(max_length=500)] | None = None

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
    def list_name(self) -> cursors.List:
        """A cursor is of one order."""
        return "timeline, newest first" if self.order == "desc" else "timeline"

    @property
    def span(self) -> Span:
        """What is left of it behind the cursor."""
        seen = cursors.position(self.list_name, self.cursor)
        before = MAX_POSITION if self.before is None else self.before
        if self.order == "desc":
            return Span(self.after, before if seen is None else min(seen, before), newest_first=True)
        return Span(self.after if seen is None else max(seen, self.after), before, newest_first=False)
