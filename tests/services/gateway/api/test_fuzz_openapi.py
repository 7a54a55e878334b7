"""Requests made from the OpenAPI document, fitting and unfitting ones: the gateway answers each as the
document says, and below 500.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any, Final, cast

import asyncpg
import httpx
import pytest
from hypothesis.strategies import SearchStrategy
from jsonschema import Draft202012Validator
from makima_completion_detector import app as completion_detector
from makima_gateway.api import reads
from makima_gateway.api.openapi.document import refusals
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_schemas.errors import HTTP_STATUS, ErrorCode
from makima_supervisor_heartbeat import app as supervisor_heartbeat
from nats.aio.client import Client

from tests.services.gateway.api.openapi_document import COMPONENTS, DOCUMENT, OPERATION, resolved
from tests.services.gateway.harness import Gateways, act, body, created, running
from tests.services.gateway.samples import samples

# Imported where it is used: half a second of processor time, which each worker would pay that collects the tests.
if TYPE_CHECKING:
    from schemathesis import APIOperation, Case, Response
    from schemathesis.core.result import Ok

    Made = Case[Any]

Json = dict[str, object]

EACH: Final = 8 if os.environ.get("MAKIMA_TEST_CHAOS") else 3  # requests of an operation, in each mode
AT_ONCE: Final = 8
PATIENCE: Final = 10.0
ENDLESS: Final = frozenset({"monitor_events"})  # tested on its own
# What needs a daemon or the stale-detector: neither is there.
UNSERVED: Final = frozenset({"restart_agent", "start_maintenance", "end_maintenance"})
OF_PATHS: Final = frozenset(
    {ErrorCode.NOT_FOUND, ErrorCode.METHOD_NOT_ALLOWED}
)  # a made-up id may make another path of it


@pytest.fixture
async def everything(
    settings: Settings, pool: asyncpg.Pool, nats: Client, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Gateways]:
    """With everybody who is asked by the gateway: nothing is unavailable."""
    monkeypatch.setattr(reads, "MIN_POSITION_TIMEOUT_SECONDS", 0.1)  # many a made-up position will never come
    async with (
        running(settings, pool, nats) as gateways,
        Service.running(completion_detector.NAME, settings, completion_detector.build),
        Service.running(supervisor_heartbeat.NAME, settings, supervisor_heartbeat.build),
    ):
        yield gateways


def cases(mode: str) -> "list[Made]":
    import schemathesis  # noqa: PLC0415 - slow to import, and used here alone

    schema, generated = schemathesis.openapi.from_dict(DOCUMENT), schemathesis.GenerationMode(mode)
    found: list[Made] = []
    for result in cast("Iterable[Ok[APIOperation[Any, Any, Any, Any]]]", schema.get_all_operations()):
        found += samples(
            cast("SearchStrategy[Made]", result.ok().as_strategy(generation_mode=generated)), EACH
        )
    return [case for case in found if name_of(case) not in ENDLESS]


def name_of(case: "Made") -> str:
    return str(case.operation.definition.raw["operationId"])


async def known(http: httpx.AsyncClient) -> dict[str, str]:
    """Ids that mean something, for the paths."""
    contract = str((await created(http))["id"])
    await act(http, contract, "start")
    path = f"/contracts/{contract}"
    task = body(await http.post(f"{path}/tasks", json={"name": "write"}))
    question = body(await http.post(f"{path}/questions", json={"question": "why?"}))
    return {
        "contract_id": contract,
        "task_id": str(task["id"]),
        "question_id": str(question["id"]),
        "deliverable_id": "plan-document",
    }


def check(case: "Made", response: "Response") -> None:
    """The answer is one that the document tells of."""
    name, said = name_of(case), f"{case.as_curl_command()} → {response.status_code} {response.text[:500]}"
    assert response.status_code < 500 or (name in UNSERVED and response.status_code == 503), said
    if response.status_code >= 400:
        assert response.headers["content-type"] == ["application/problem+json"], said
        code = ErrorCode(str(cast("Json", response.json())["code"]))
        assert HTTP_STATUS[code] == response.status_code, said
        assert code in refusals(OPERATION[name]) | OF_PATHS, f"{name} does not tell of {said}"
        return
    answers = cast("dict[str, Json]", OPERATION[name]["responses"])
    assert str(response.status_code) in answers, said
    for content in cast(
        "dict[str, Json]", resolved(answers[str(response.status_code)]).get("content", {})
    ).values():
        Draft202012Validator({**cast("Json", content["schema"]), "components": COMPONENTS}).validate(
            response.json()
        )


@pytest.mark.parametrize("mode", ["positive", "negative"])
async def test_every_answer_is_one_that_the_document_tells_of(everything: Gateways, mode: str) -> None:
    http = everything.clients[0]
    ids = await known(http)
    base, headers = (
        str(http.base_url).removesuffix("/api/v1/"),
        {name: http.headers[name] for name in http.headers if name == "authorization"},
    )
    turn = asyncio.Semaphore(AT_ONCE)

    statuses: list[int] = []

    async def ask(number: int, case: "Made") -> None:
        if number % 2:
            case.path_parameters |= {name: ids[name] for name in case.path_parameters if name in ids}
        async with turn:
            response = await asyncio.to_thread(case.call, base_url=base, headers=headers, timeout=PATIENCE)
        check(case, response)
        statuses.append(response.status_code)

    async with asyncio.TaskGroup() as asking:
        for number, case in enumerate(cases(mode)):
            asking.create_task(ask(number, case))
    assert {200, 201} <= set(statuses) if mode == "positive" else statuses.count(422) > len(statuses) / 2
    assert (await http.get("/contracts")).status_code == 200
