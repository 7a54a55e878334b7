"""Any value of any message: hypothesis strategies from the Python types and their bounds."""

from datetime import UTC
from datetime import datetime as moment
from enum import StrEnum
from types import NoneType
from typing import Annotated, cast, get_args, get_origin, get_type_hints

import msgspec
from annotated_types import Ge, Le, MaxLen, MinLen
from hypothesis import strategies as st
from makima_schemas.contract.new_phases import MAX_REQUIRED_TASKS
from makima_schemas.evidence import BOUNDS
from pydantic.fields import FieldInfo

from tests.schemas.proto_json import is_message, plain, values

NUMBERS = {
    "stream_sequence": 2**63 - 1,
    "seq": 2**63 - 1,
    "contract_version": 2**53,
    "min_complete": MAX_REQUIRED_TASKS,
}
ANY_NUMBER = 2**31 - 1


def any_of(cls: type) -> st.SearchStrategy[object]:
    """Any value of the message."""
    return st.builds(
        cls, **{name: of(hint, name) for name, hint in get_type_hints(cls, include_extras=True).items()}
    )


def of(hint: object, name: str, *bounds: object) -> st.SearchStrategy[object]:
    if get_origin(hint) is Annotated:
        inner, *more = get_args(hint)
        return of(inner, name, *bounds, *more)
    inside = get_args(hint)
    words = values(hint)
    if words is not None:
        return st.sampled_from(words).map(cast("type[StrEnum]", hint) if isinstance(hint, type) else str)
    if get_origin(hint) is tuple:
        return st.lists(of(inside[0], name), max_size=3).map(tuple)
    if inside:
        return st.one_of(*(of(each, name) for each in inside))
    if is_message(hint):
        return any_of(cast("type", hint))
    return _scalar(plain(hint), name, bounds)


def _scalar(hint: object, name: str, bounds: tuple[object, ...]) -> st.SearchStrategy[object]:
    limit = _limits(bounds)
    if hint is str:
        if limit.get("pattern"):
            return st.from_regex(
                cast("str", limit["pattern"]), fullmatch=True, alphabet=st.characters(codec="ascii")
            ).filter(lambda text: text.strip() == text)
        return st.text(
            st.characters(codec="utf-8"),
            min_size=cast("int", limit.get("min", 0)),
            max_size=min(20, cast("int", limit.get("max", 20))),
        )
    if hint is int:
        return st.integers(
            cast("int", limit.get("ge", 0)), cast("int", limit.get("le", NUMBERS.get(name, ANY_NUMBER)))
        )
    simple: dict[object, st.SearchStrategy[object]] = {
        bool: st.booleans(),
        float: st.floats(
            cast("float | None", limit.get("ge")),
            cast("float | None", limit.get("le", BOUNDS.get(name))),
            allow_nan=False,
            allow_infinity=False,
        ),
        moment: st.datetimes(moment(1, 1, 2), moment(9999, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
        NoneType: st.none(),
    }
    return simple[hint]


def _limits(bounds: tuple[object, ...]) -> dict[str, object]:
    limit: dict[str, object] = {}
    for bound in bounds:
        match bound:
            case msgspec.Meta():
                limit |= {"ge": bound.ge, "le": bound.le, "min": bound.min_length, "max": bound.max_length}
            case FieldInfo():
                limit |= _limits(tuple(bound.metadata))
            case Ge(ge):
                limit["ge"] = ge
            case Le(le):
                limit["le"] = le
            case MinLen(length):
                limit["min"] = length
            case MaxLen(length):
                limit["max"] = length
            case _:
                limit["pattern"] = getattr(bound, "pattern", None)
    return {name: value for name, value in limit.items() if value is not None}
