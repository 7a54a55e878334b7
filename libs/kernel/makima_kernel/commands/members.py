"""Names the member that a request may have meant, where it has one that its schema does not know."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, Final, cast, get_args, get_origin, get_type_hints

from pydantic import BaseModel

# The errors of pydantic about a member that a class does not have.
UNKNOWN_MEMBER: Final = frozenset({"extra_forbidden", "unexpected_keyword_argument"})


def unknown_member(schema: object, path: Sequence[str | int]) -> str:
    """What is wrong at `path`, whose last part is a member that `schema` does not know there."""
    known = known_members(schema, path[:-1])
    close = difflib.get_close_matches(str(path[-1])[:100], known, n=1)
    return (
        f"is no member; did you mean {close[0]}?" if close else f"is no member; known are {', '.join(known)}"
    )


def known_members(schema: object, path: Sequence[str | int]) -> list[str]:
    """The members of the classes at `path` in a class, or in lists and unions of some; sorted.

    Parts of the path that name no member are passed over: they are indices, and tags of unions.
    """
    found = list(_classes(schema))
    for part in path:
        inner = [members[str(part)] for members in map(_members, found) if str(part) in members]
        if inner:
            found = [one for annotation in inner for one in _classes(annotation)]
    return sorted({name for one in found for name in _members(one)})


def _classes(annotation: object) -> Iterator[type[Any]]:
    """The classes with members in an annotation, not those in their members."""
    if get_origin(annotation) is Annotated:
        yield from _classes(get_args(annotation)[0])
    elif isinstance(annotation, type) and (is_dataclass(annotation) or issubclass(annotation, BaseModel)):
        yield annotation
    elif is_dataclass(origin := get_origin(annotation)):
        yield cast("type[Any]", origin)
    else:
        for argument in cast("Iterable[object]", get_args(annotation)):
            yield from _classes(argument)


def _members(one: type[Any]) -> dict[str, object]:
    if issubclass(one, BaseModel):
        return {name: field.annotation for name, field in one.model_fields.items()}
    hints = get_type_hints(one, include_extras=True)
    return {field.name: hints[field.name] for field in fields(one)}
