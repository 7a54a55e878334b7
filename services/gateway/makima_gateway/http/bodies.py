"""Base class and field types of request bodies; an unknown member is refused."""

from typing import Annotated

from makima_schemas.contract.model import Name
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict

POSITIVE_BIGINT = 2**63 - 1


def _storable(text: str) -> str:
    """Raises `ValueError` for a text with U+0000, which Postgres cannot store."""
    if "\0" in text:
        raise ValueError("a text cannot hold the character U+0000")
    return text


Text = Annotated[str, AfterValidator(_storable)]


Title = Annotated[Name, AfterValidator(_storable)]


# `"yes"`, `1` and `"60"` are no flags and numbers: who sends them may mean something else.
Flag = Annotated[bool, Strict()]
Version = Annotated[int, Strict(), Field(ge=0, le=POSITIVE_BIGINT)]


class Body(BaseModel):
    """Base of request bodies: immutable, and an unknown member is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
