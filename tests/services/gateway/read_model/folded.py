"""Events of one contract, folded into rows of the read model."""

from typing import cast

import orjson
from makima_gateway.read_model.fold import fold
from makima_gateway.read_model.rows import ContractRow, Rows
from makima_schemas.codec import Event

from tests.services.gateway.read_model.random_logs import recorded

KEY = ("default", "c1")


def folded(*events: Event) -> Rows:
    rows = Rows()
    for position, event in enumerate(events, 1):
        fold(rows, recorded(event, position), event)
    return rows


def row_of(*events: Event) -> ContractRow:
    return folded(*events).contracts[KEY]


def said(rows: Rows) -> list[dict[str, object]]:
    return [cast("dict[str, object]", orjson.loads(row.message)) for row in rows.monitor_events]
