"""An export is the contract: its events fold to the same at every version, and to what was asked for at that
version.
"""

from typing import cast

import httpx
import orjson
import pytest
from makima_gateway.api import serializers as views
from makima_gateway.api.whole_contract import next_gate
from makima_gateway.read_model import history
from makima_gateway.read_model.fold import fold
from makima_gateway.read_model.rows import Rows
from makima_schemas.codec import decode, encode
from makima_schemas.envelope import from_cloudevent

from tests.services.gateway.harness import Gateways, act, body, created, items, listed, refused


async def lived(http: httpx.AsyncClient) -> str:
    """A contract that has something of everything."""
    contract = str((await created(http, name="a life", phase_guard=True))["id"])
    path = f"/contracts/{contract}"
    await act(http, contract, "start")
    task = body(await http.post(f"{path}/tasks", json={"name": "write", "plan": "in ink"}))["id"]
    await http.post(f"{path}/tasks/{task}/claim", json={"role": "builder"})
    asked = body(
        await http.post(
            f"{path}/questions", json={"question": "which?", "question_type": "choice", "options": ["a", "b"]}
        )
    )["id"]
    await http.post(f"{path}/questions/{asked}/answer", json={"answer": "a"})
    await http.post(f"{path}/messages", json={"role": "user", "content": 'tab\t "quote" ä😀'})
    await http.post(f"{path}/tasks/{task}/handoff", json={"to_role": "reviewer"})
    await act(http, contract, "deliverables/plan-document/complete", evidence="there")
    await act(http, contract, "phase", phase="execute", confirmed=True, force=True)
    await act(http, contract, "block", reason="no budget")
    await act(http, contract, "fail", reason="really none")
    return contract


async def exported(http: httpx.AsyncClient, contract: str) -> dict[str, object]:
    answer = await http.get(f"/contracts/{contract}/export")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    document = body(answer)
    assert answer.headers["ETag"] == f'"{document["version"]}"'
    return document


def shown(rows: Rows, contract: str) -> object:
    row = rows.contracts["default", contract]
    return plain(views.contract(row, next_gate=next_gate(row, rows.tasks.values())))


async def test_its_events_fold_to_the_contract_at_every_version(http: httpx.AsyncClient) -> None:
    contract = await lived(http)
    document = await exported(http, contract)
    events = listed(document["events"])
    assert [event["streamversion"] for event in events] == list(
        range(1, cast("int", document["version"]) + 1)
    )
    rows = Rows()
    for event in events:
        recorded = from_cloudevent(orjson.dumps(event))
        fold(rows, recorded, decode(recorded.type, recorded.schema, recorded.data))
        then = body(await http.get(f"/contracts/{contract}", params={"at": str(recorded.version)}))
        assert shown(rows, contract) == then
    assert document["contract"] == shown(rows, contract)
    assert document["contract"] == body(await http.get(f"/contracts/{contract}"))


async def test_what_lies_in_the_contract_is_what_the_lists_show(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    contract = await lived(http)
    document = await exported(http, contract)
    for inside in ("tasks", "questions", "messages"):
        assert document[inside] == await items(http, f"/contracts/{contract}/{inside}")
        assert document[inside]
    assert document["events"] == await items(http, f"/contracts/{contract}/events", limit=500)
    assert document["epoch"] == str(await gateways.log.epoch())


async def test_a_long_history_is_written_in_pages(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = await lived(http)
    whole = await exported(http, contract)
    for size in (1, 7, cast("int", whole["version"])):
        monkeypatch.setattr(history, "PAGE_EVENTS", size)
        assert await exported(http, contract) == whole


async def test_what_is_not_there_cannot_be_exported(http: httpx.AsyncClient) -> None:
    await refused(http.get("/contracts/nobody/export"), 404, "CONTRACT_NOT_FOUND")


def plain(view: object) -> object:
    return orjson.loads(encode(view))
