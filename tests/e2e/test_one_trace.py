"""One request is one trace: through the gateway, the contract, the relay and the completion-detector, and in all their logs."""

from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from makima_kernel.testing import eventually

from tests.e2e import stack
from tests.e2e.collector import Collector

pytestmark = pytest.mark.e2e

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
ASKED = {"traceparent": f"00-{TRACE_ID}-00f067aa0ba902b7-01"}


async def test_a_trace_leads_from_the_request_to_what_it_made_the_detector_ask(server_folder: Path) -> None:
    folder = server_folder / f"trace-{uuid4().hex[:8]}"
    folder.mkdir(mode=0o711)
    with Collector() as collector:
        async with (
            stack.running(folder, OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint, MAKIMA_LOG_LEVEL="debug") as system,
            httpx.AsyncClient(base_url=f"{system.url}/api/v1", timeout=10) as client,
        ):
            made = (await client.post("/contracts", json={"name": "traced"})).raise_for_status().json()
            (await client.post(f"/contracts/{made['id']}/start", json={})).raise_for_status()
            path = f"/contracts/{made['id']}/deliverables/plan-document/complete"
            (await client.post(path, json={}, headers=ASKED)).raise_for_status()

            async def advanced() -> bool:
                return (await client.get(f"/contracts/{made['id']}")).json()["phase"] == "execute"

            await eventually(advanced, 20)
            seen = await eventually(lambda: _whole(collector), 20)
            assert "contract.change_phase" in seen, "the detector's question belongs to the trace of what made it ask"
            logs = {name: {line.get("trace_id") for line in system.log(name)} for name in ("gateway", "contract", "completion_detector")}
            assert {name for name, ids in logs.items() if TRACE_ID in ids} == set(logs)
            relayed = [line for name in system.services for line in system.log(name) if line.get("event") == "relay.published"]
            assert TRACE_ID in {line["trace_id"] for line in relayed}


def _whole(collector: Collector) -> set[str]:
    """The names of the trace's spans, once all four parts are among them."""
    spans = collector.of(TRACE_ID)
    services = {span.service for span in spans}
    names = {span.name for span in spans}
    wanted = {"makima-gateway", "makima-contract", "makima-completion-detector"}
    whole = wanted <= services and any(name.startswith("relay ") for name in names) and "contract.change_phase" in names
    return names if whole else set()
