"""Opaque, URL-safe cursors of list pages: base64 of the list's name and the last key of the page.

The keys (log positions or ids) never change, so a cursor stays correct while rows are updated.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Final, Literal, TypeVar, cast

import orjson
from makima_schemas.codec import encode as encode_json

from makima_gateway.http.problems import invalid

K = TypeVar("K")
R = TypeVar("R")
MAX_DIGITS: Final = 100  # of a number in a key
PAGE_BYTES: Final = 1024 * 1024  # of JSON; at least one row is shown
List = Literal[
    "contracts",
    "tasks",
    "questions",
    "messages",
    "daemons",
    "events",
    "events, newest first",
    "tokens",
    "agents",
    "dead-letters",
    "state",
    "needs-you",
    "timeline",
    "timeline, newest first",
]


def encode(of: List, key: int | str) -> str:
    return urlsafe_b64encode(orjson.dumps([of, key])).rstrip(b"=").decode()


def page(
    rows: Sequence[R],
    limit: int,
    of: List,
    key: Callable[[R], int | str],
    view: Callable[[R], object],
    *,
    cut: bool = False,
) -> dict[str, object]:
    """One page: `view` of its rows, and the cursor of the next one, if there is one.

    One row more than `limit` was asked for to know that; or the rows were `cut`, because they take so much that
    others were left out. A page has fewer rows than there are, if it would have more than `PAGE_BYTES`.
    """
    items: list[orjson.Fragment] = []
    size = 0
    for row in rows[:limit]:
        item = view(row)
        encoded = bytes(item) if isinstance(item, bytes) else encode_json(item)
        size += len(encoded)
        if items and size > PAGE_BYTES:
            break
        items.append(orjson.Fragment(encoded))
    more = cut or len(rows) > len(items)
    return {"items": items, "next_cursor": encode(of, key(rows[len(items) - 1])) if more and items else None}


def position(of: List, cursor: str | None) -> int | None:
    """The key of a list that is ordered by a number.

    Raises `INVALID_REQUEST` if `encode` did not make the cursor.
    """
    key = _decode(of, cursor)
    if key is not None and not (isinstance(key, int) and 0 <= key < 2**63):
        raise _unfit()
    return key


def name(of: List, cursor: str | None) -> str | None:
    """The key of a list that is ordered by a name.

    Raises `INVALID_REQUEST` if `encode` did not make the cursor.
    """
    key = _decode(of, cursor)
    if key is not None and (not isinstance(key, str) or "\0" in key):
        raise _unfit()
    return key


def ordered_key(order: str, number: Decimal, *words: object) -> str:
    """The key of a list of which a client chooses the order: by a number first, then by words."""
    return orjson.dumps([order, str(number), *words]).decode()


def in_order(of: List, cursor: str | None, order: str, make: Callable[..., K]) -> K | None:
    """What `make` makes of the number and the words of `ordered_key`; it raises `ValueError` for what cannot be.

    Raises `INVALID_REQUEST` for the cursor of another order, and if `encode` did not make it.
    """
    key = name(of, cursor)
    if key is None:
        return None
    try:
        found, number, *words = cast("list[object]", orjson.loads(key))
        made = make(_number(number), *(_word(each) for each in words))
    except (ValueError, TypeError, InvalidOperation) as error:
        raise _unfit() from error
    if found != order:
        raise invalid("query.cursor", "is of another order", hint=f"send sort={found} with it")
    return made


def _number(value: object) -> Decimal:
    number = Decimal(str(value))
    if (
        not number.is_finite()
        or abs(number.adjusted()) > MAX_DIGITS
        or len(number.as_tuple().digits) > MAX_DIGITS
    ):
        raise ValueError(value)
    return number


def _word(value: object) -> str:
    word = str(value)
    if "\0" in word:
        raise ValueError(word)
    return word


def _decode(of: List, cursor: str | None) -> object:
    if cursor is None:
        return None
    try:
        decoded: object = orjson.loads(urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)))
    except (Base64Error, ValueError) as error:
        raise _unfit() from error
    if not isinstance(decoded, list) or len(pair := cast("list[object]", decoded)) != 2 or pair[0] != of:
        raise _unfit()
    return pair[1]


def _unfit() -> Exception:
    return invalid(
        "query.cursor", "is not a cursor of this list", hint="send next_cursor of the previous page unchanged"
    )
