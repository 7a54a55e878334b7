"""Downstream systems get CloudEvents: who only knows NATS and CloudEvents 1.0 can follow everything, in
order, from the first event.
"""

import re
from typing import Final, cast

import httpx
import orjson
from jsonschema import Draft202012Validator
from makima_kernel.testing import PATIENCE, eventually
from makima_schemas import subjects
from nats.aio.client import Client

from tests.generated.asyncapi_schemas import CLOUDEVENT
from tests.services.gateway.harness import Gateways, act, created

REQUIRED: Final = ("specversion", "id", "source", "type")  # CloudEvents 1.0, required attributes
ATTRIBUTE: Final = re.compile(r"[a-z0-9]+")  # and how attributes are named


async def test_a_plain_subscriber_gets_cloudevents(
    gateways: Gateways, http: httpx.AsyncClient, nats: Client
) -> None:
    contract = str((await created(http))["id"])
    for action in ("start", "pause", "resume", "fail"):
        await act(http, contract, action)
    head = await gateways.log.head()

    async def relayed() -> bool:
        return (await nats.jetstream().stream_info(subjects.EVENTS_STREAM)).state.last_seq == head

    await eventually(relayed)
    subscription = await nats.jetstream().subscribe(
        subjects.event("contract", contract, "*"), ordered_consumer=True
    )
    kinds: list[str] = []
    for position in range(1, head + 1):
        message = await subscription.next_msg(timeout=PATIENCE)
        event = cast("dict[str, object]", orjson.loads(message.data))
        assert all(isinstance(event[name], str) and event[name] for name in REQUIRED)
        assert all(ATTRIBUTE.fullmatch(name) for name in event)
        Draft202012Validator(CLOUDEVENT).validate(event)
        assert (event["specversion"], event["position"], message.metadata.sequence.stream) == (
            "1.0",
            position,
            position,
        )
        assert message.header is not None
        assert message.header["Nats-Msg-Id"] == event["id"]
        kinds.append(str(event["type"]))
    assert kinds == [
        f"makima.contract.Contract{name}.v1" for name in ("Created", "Started", "Paused", "Resumed", "Failed")
    ]
