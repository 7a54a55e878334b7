"""Maintenance windows, open and planned, by the SDK, on a gateway with the detector beside it."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
import pytest
from makima_sdk import ProblemError, System

from tests.services.gateway.api.with_detector import gateways, http, system
from tests.services.gateway.harness import Gateways, body, created, listed, refused

__all__ = ("gateways", "http", "system")
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("gateway system")]
SOON = timedelta(hours=1)


async def codes(http: httpx.AsyncClient, path: str) -> set[object]:
    """Of the reasons that the health of a contract gives."""
    return {reason["code"] for reason in listed(body(await http.get(path))["reasons"])}


async def test_a_maintenance_is_started_prolonged_shown_and_ended(
    gateways: Gateways, system: System, http: httpx.AsyncClient
) -> None:
    contract = await created(http)
    until = datetime.now(UTC) + SOON
    (window,) = await system.start_maintenance("daemon:d1", until, "new disk")
    assert (window.scope, window.until, window.reason) == ("daemon:d1", until, "new disk")
    assert window.started_by == "admin:local"
    assert await system.maintenance() == (window,)
    path = f"/contracts/{contract['id']}/health"
    assert "UNDER_MAINTENANCE" not in await codes(http, path)
    await system.start_maintenance(f"contract:{contract['id']}", until, "a rest")
    assert "UNDER_MAINTENANCE" in await codes(http, path)
    await system.end_maintenance(f"contract:{contract['id']}")
    later = until + SOON
    (prolonged,) = await system.start_maintenance("daemon:d1", later, "new disk")
    assert (prolonged.started_at, prolonged.until) == (window.started_at, later)
    shown = cast("dict[str, Any]", await system.show())
    assert [one["scope"] for one in shown["maintenance"]] == ["daemon:d1"]
    assert await system.end_maintenance("daemon:d1") == ()
    head = await gateways.log.head()
    assert await system.end_maintenance("daemon:d1") == ()
    assert await gateways.log.head() == head


async def test_a_window_that_somebody_opens_takes_nobodys_place(
    gateways: Gateways, system: System, http: httpx.AsyncClient
) -> None:
    until = datetime.now(UTC) + SOON
    window = await system.open_maintenance("daemon:d2", until, "new disk")
    assert (window.id, window.scope, window.until) == ("daemon:d2", "daemon:d2", until)
    assert await system.open_maintenance("daemon:d2", until, "new disk") == window
    wanted = {"scope": "daemon:d2", "until": (until - SOON / 2).isoformat(), "reason": "kernel"}
    problem = await refused(http.post("/maintenance", json=wanted), 409, "CONFLICT")
    assert "new disk" in str(problem["detail"])
    await system.open_maintenance("daemon:d3", until, "kernel")
    key = {"Idempotency-Key": "ends d2"}
    assert [(await http.delete("/maintenance/daemon:d2", headers=key)).status_code for _ in range(2)] == [
        204,
        204,
    ]
    await refused(http.delete("/maintenance/daemon:d2"), 404, "NOT_FOUND")
    await refused(http.delete("/maintenance/all"), 404, "NOT_FOUND")
    await refused(http.delete("/maintenance/fleet:x"), 422, "INVALID_REQUEST")
    assert [one.id for one in await system.maintenance()] == ["daemon:d3"]
    await system.end_maintenance("daemon:d3")


async def test_a_window_that_is_planned_is_shown_with_its_beginning_and_can_be_changed_and_called_off(
    system: System, http: httpx.AsyncClient
) -> None:
    contract = await created(http)
    begins = datetime.now(UTC) + SOON
    until, scope = begins + SOON, f"contract:{contract['id']}"
    window = await system.open_maintenance(scope, until, "kernel", begins)
    assert (window.planned, window.started_at, window.until) == (True, begins, until)
    assert await system.maintenance() == (window,)
    health = f"/contracts/{contract['id']}/health"
    assert {"MAINTENANCE_PLANNED", "UNDER_MAINTENANCE"} & set(await codes(http, health)) == {
        "MAINTENANCE_PLANNED"
    }
    wanted = {"scope": scope, "starts_at": begins.isoformat(), "until": (until + SOON).isoformat()}
    await refused(http.post("/maintenance", json={**wanted, "reason": "mine"}), 409, "CONFLICT")
    later = begins + SOON / 2
    (moved,) = await system.start_maintenance(scope, until, "kernel", later)
    assert (moved.planned, moved.started_at) == (True, later)
    (begun,) = await system.start_maintenance(scope, until, "kernel")
    assert (begun.planned, begun.until) == (False, until)
    shown = cast("dict[str, Any]", await system.show())
    assert [(one["scope"], one["planned"]) for one in shown["maintenance"]] == [(scope, False)]
    await system.end_maintenance(scope)
    await system.open_maintenance(scope, until, "kernel", begins)
    assert (await http.delete(f"/maintenance/{scope}")).status_code == 204
    assert await system.maintenance() == ()


@pytest.mark.parametrize(
    ("begins", "until"),
    [
        (2 * SOON, SOON),
        (SOON, SOON),
        (timedelta(days=1), timedelta(days=32)),
        (timedelta(days=91), timedelta(days=92)),
    ],
)
async def test_a_plan_that_makes_no_sense_is_refused(
    system: System, begins: timedelta, until: timedelta
) -> None:
    now = datetime.now(UTC)
    with pytest.raises(ProblemError) as found:
        await system.open_maintenance("all", now + until, "x", now + begins)
    assert found.value.code == "INVALID_REQUEST"


@pytest.mark.parametrize(
    ("scope", "until"),
    [
        ("daemon", SOON),
        ("daemon:", SOON),
        ("fleet:x", SOON),
        ("all", -SOON),
        ("all", timedelta(days=31)),
    ],
)
async def test_a_maintenance_that_makes_no_sense_is_refused(
    system: System, scope: str, until: timedelta
) -> None:
    with pytest.raises(ProblemError) as found:
        await system.start_maintenance(scope, datetime.now(UTC) + until, "x")
    assert found.value.code == "INVALID_REQUEST"
