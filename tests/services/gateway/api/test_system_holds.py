"""What a gateway with the detector beside it says of verdicts that are held."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
import orjson
import pytest
from makima_kernel.testing import eventually
from makima_schemas.silence import MassSilenceSuspected, owner_stream
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState

from tests.services.gateway.api.with_detector import gateways, http
from tests.services.gateway.harness import Gateways, body, created
from tests.services.gateway.tokens import client_as

__all__ = ("gateways", "http")
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("gateway system")]
SOON = timedelta(hours=1)


async def test_an_open_hold_is_named_with_its_times_and_everybody_is_told_until_when(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    contract = str((await created(http))["id"])
    await gateways.append(
        f"supervisor-t1-{contract}",
        SupervisorRegistered(contract, "d1", "c1", SupervisorState.WORKING, "plan"),
    )
    before = datetime.now(UTC)
    await gateways.append(owner_stream("alice"), MassSilenceSuspected(34, 18))

    async def shown() -> dict[str, Any] | None:
        detector = cast("dict[str, Any]", body(await http.get("/system")))["detector"]
        known = detector["tracked"] and detector["holds"] and detector["holds"][0]["until"]
        return detector if known else None

    detector = await eventually(shown, because="no hold is shown with its end")
    assert detector is not None
    assert detector["tracked"] >= 1
    (hold,) = detector["holds"]
    assert (hold["owner_id"], hold["silent"], hold["senders"]) == ("alice", 0, 0), "as many as are tracked"
    since, until = (datetime.fromisoformat(hold[name]) for name in ("since", "until"))
    assert until - since == 2 * timedelta(seconds=120), "twice the timeout"
    assert before - SOON < since < datetime.now(UTC)
    async with (
        client_as(http, "viewer", owner="bob") as viewer,
        viewer.stream("GET", "/contracts/monitor/events") as stream,
    ):
        line = ""
        async for line in stream.aiter_lines():
            if line.startswith("data:") and '"verdicts_held":1' in line:
                break
    tick = orjson.loads(line.removeprefix("data:"))
    assert datetime.fromisoformat(tick["verdicts_held_until"]) > since
