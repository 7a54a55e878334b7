"""What a client meets where the read model is slow, or stands before an event that this build does not know."""

from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import httpx
import pytest
from makima_completion_detector import app as completion_detector
from makima_gateway.api import reads, writes
from makima_kernel.event_log.append import Append, NewEvent
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_kernel.testing import PATIENCE, eventually
from makima_schemas.envelope import EventMeta

from tests.services.gateway.harness import Gateways, body, created


async def test_a_write_is_answered_though_the_read_model_is_slow_and_says_so(
    http: httpx.AsyncClient, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await created(http, name="before")
    async with pool.acquire() as holder, holder.transaction():
        for module in (reads, writes):
            monkeypatch.setattr(module, "MIN_POSITION_TIMEOUT_SECONDS", 0.1)
        await holder.execute("select from event_log.checkpoints where consumer = 'gateway' for update")
        answer = await http.post("/contracts", json={"name": "behind"})
        assert (answer.status_code, answer.headers.get("Makima-Read-Behind")) == (201, "true"), answer.text
        assert body(answer)["name"] == "behind"
        shown = await http.get(
            "/contracts", headers={"Makima-Min-Position": answer.headers["Makima-Position"]}
        )
        assert (len(shown.json()["items"]), shown.headers.get("Makima-Read-Behind")) == (1, "true")
    monkeypatch.setattr(reads, "MIN_POSITION_TIMEOUT_SECONDS", PATIENCE)
    shown = await http.get("/contracts", headers={"Makima-Min-Position": answer.headers["Makima-Position"]})
    assert (len(shown.json()["items"]), "Makima-Read-Behind" in shown.headers) == (2, False)


@pytest.fixture
async def completion(gateways: Gateways, settings: Settings) -> AsyncIterator[Service]:
    async with Service.running(completion_detector.NAME, settings, completion_detector.build) as service:
        await eventually(lambda: _failing(service, nothing=True))
        yield service


async def test_an_unknown_event_makes_the_read_model_stand_and_healthz_names_its_place(
    gateways: Gateways, http: httpx.AsyncClient, completion: Service
) -> None:
    """Reads go on from what the tables show, so that no replica is taken away; nothing guesses, and nothing
    ends.
    """
    contract = await created(http)
    unknown = NewEvent(uuid4(), "ContractTeleported", 1, b"{}")
    await completion.appender.append(
        Append("default", "contract-elsewhere", uuid4(), b"", None, (unknown,), EventMeta())
    )
    position = await gateways.log.head()
    expected = f"stopped before position {position}: event ContractTeleported schema 1"
    for service in (gateways.replicas[0], completion):
        await eventually(lambda service=service: _failing(service, f"projection {service.name}: {expected}"))
        assert service.health.livez()[0] == 200
    probes = str(http.base_url).replace("/api/v1/", "")
    told = {probe: await http.get(f"{probes}/{probe}") for probe in ("livez", "readyz", "healthz", "metrics")}
    assert {probe: answer.status_code for probe, answer in told.items()} == {
        "livez": 200,
        "readyz": 200,
        "healthz": 503,
        "metrics": 200,
    }
    assert expected in told["readyz"].json()["shared"]["read model gateway"]
    assert expected in told["healthz"].json()["failing"]["read model gateway"]
    assert 'makima_check{check="read model gateway"} 0.0' in told["metrics"].text
    assert body(await http.get(f"/contracts/{contract['id']}")) == contract
    assert len((await http.get("/contracts")).json()["items"]) == 1


async def _failing(service: Service, reason: str = "", *, nothing: bool = False) -> bool:
    status, told = await service.health.condition()
    return status == 200 if nothing else status == 503 and reason in str(told["failing"])
