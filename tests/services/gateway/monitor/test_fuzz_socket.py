"""Whatever a client of the monitor socket sends: what is no filter is answered by a problem, and the socket
goes on.
"""

from typing import Final

import httpx
import orjson
import pytest
from hypothesis import strategies as st
from makima_gateway.http.server import MAX_SOCKET_MESSAGE
from makima_gateway.monitor.filter import MonitorFilter
from pydantic import ValidationError
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.services.gateway.harness import Gateways, created, position, until_closed
from tests.services.gateway.monitor.monitor_client import Socket, watching
from tests.services.gateway.samples import samples

MESSAGES: Final = 400
MEMBERS: Final = [*MonitorFilter.model_fields, "type", ""]
ANY_JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
FILTERS: Final = st.dictionaries(
    st.sampled_from(MEMBERS), ANY_JSON | st.sampled_from([0, True, ["active"], ["c1"], "e"]), max_size=4
)
ANY_MESSAGE: Final = st.one_of(
    FILTERS.map(
        lambda said: repr(said) if any(isinstance(value, float) for value in said.values()) else _json(said)
    ),
    FILTERS.map(lambda said: _json(said)[:-1]),
    st.text(st.characters(codec="utf-8"), max_size=200),
    st.binary(max_size=200),
    FILTERS.map(lambda said: _json(said).encode()),
    st.sampled_from(
        [
            b"",
            "",
            "[" * 10_000,
            "{" * 30_000,
            "x" * (MAX_SOCKET_MESSAGE - 1),
            '{"contract_ids": [' + '"a b",' * 5000 + '"c"]}',
        ]
    ),
)


def _json(said: object) -> str:
    try:
        return orjson.dumps(said).decode()
    except TypeError:  # an integer that orjson does not take
        return repr(said)


def is_filter(message: str | bytes) -> bool:
    try:
        MonitorFilter.model_validate_json(message)
    except ValidationError:
        return False
    return True


async def test_what_is_no_filter_is_a_problem_and_the_socket_goes_on(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    contract = str((await created(http))["id"])
    sent = samples(ANY_MESSAGE, MESSAGES)
    assert {is_filter(message) for message in sent} == {True, False}
    async with watching(gateways) as client:
        for message in sent:
            await client.connection.send(message)
            while not is_filter(message):
                told = await client.next()
                assert told["type"] in {"problem", "reset", "StatusChanged", "Rows"}, message
                if told["type"] == "problem":
                    assert (told["code"], told["detail"]) == (
                        "INVALID_REQUEST",
                        "the filter is invalid; the previous one stays in force",
                    )
                    break
        await client.ask(contract_ids=[contract])
        last = await position(http, contract, "start")
        assert (await client.until(last))[-1]["new_status"] == "active"


async def test_a_message_above_the_limit_ends_only_that_connection(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    contract = str((await created(http))["id"])
    async with watching(gateways) as other:
        async with connect(gateways.sockets[0]) as connection:
            client = Socket(connection)
            await client.next()
            await connection.send("x" * (MAX_SOCKET_MESSAGE + 1))
            with pytest.raises(ConnectionClosed) as closed:
                await until_closed(connection)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009, "message too big"
        last = await position(http, contract, "start")
        assert (await other.until(last))[-1]["position"] == last
