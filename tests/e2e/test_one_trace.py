"""One request is one trace: through the gateway, the contract, the relay and the completion-detector, and in
all their logs.
"""

import os
from pathlib import Path

import pytest
from makima_kernel.testing import eventually

from tests.e2e import stack
from tests.e2e.collector import Collector
from tests.plain_http import plain_client

pytestmark = pytest.mark.e2e

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"
ASKED = {"traceparent": f"00-{TRACE_ID}-{CALLER}-01"}
SERVICES = {"makima-gateway", "makima-contract", "makima-completion-detector"}


@pytest.mark.skipif(stack.ELSEWHERE is not None, reason="reads the logs of its own stack")
async def test_a_trace_leads_from_the_request_to_what_it_made_the_detector_ask(server_folder: Path) -> None:
    with Collector() as collector:
        folder = stack.own_folder(server_folder, "trace")
        async with stack.running(
            folder, OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint, MAKIMA_LOG_LEVEL="debug"
        ) as system:
            await asked_for_a_phase_at(system.url, system.token)
            await eventually(lambda: whole(collector))
            logs = {
                name: {line.get("trace_id") for line in system.log(name)}
                for name in ("gateway", "contract", "completion_detector")
            }
            assert {name for name, ids in logs.items() if TRACE_ID in ids} == set(logs)
            relayed = [
                line
                for name in system.services
                for line in system.log(name)
                if line.get("event") == "relay.published"
            ]
            assert TRACE_ID in {line["trace_id"] for line in relayed}


@pytest.mark.skipif(
    not (stack.ELSEWHERE and stack.COLLECTOR),
    reason="for a stack elsewhere: MAKIMA_E2E_URL and MAKIMA_E2E_COLLECTOR",
)
async def test_a_trace_is_whole_in_a_stack_elsewhere() -> None:
    host, _, port = (stack.COLLECTOR or "").rpartition(":")
    with Collector(host, int(port)) as collector:
        await asked_for_a_phase_at(stack.ELSEWHERE or "", os.environ.get("MAKIMA_TOKEN", ""))
        await eventually(lambda: whole(collector))


async def asked_for_a_phase_at(url: str, token: str) -> None:
    """The request under the trace completes a deliverable; that makes the detector ask for the next phase."""
    async with plain_client(
        base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=30
    ) as client:
        made = (await client.post("/contracts", json={"name": "traced"})).raise_for_status().json()
        (await client.post(f"/contracts/{made['id']}/start", json={})).raise_for_status()
        path = f"/contracts/{made['id']}/deliverables/plan-document/complete"
        (await client.post(path, json={}, headers=ASKED)).raise_for_status()

        async def advanced() -> bool:
            return (await client.get(f"/contracts/{made['id']}")).json()["phase"] == "execute"

        await eventually(advanced)


def whole(collector: Collector) -> bool:
    """All four parts are in it, and each span hangs below another one of it, the first below the caller's."""
    spans = collector.of(TRACE_ID)
    names = {span.name for span in spans}
    assert {span.service for span in spans} >= SERVICES
    assert any(name.startswith("relay ") for name in names)
    assert "contract.change_phase" in names, (
        "the detector's question belongs to the trace of what made it ask"
    )
    known = {span.span_id for span in spans}
    assert [span for span in spans if span.parent_id not in known | {CALLER}] == [], "these hang in the air"
    assert any(span.parent_id == CALLER for span in spans)
    return True
