"""The AsyncAPI document holds together, and every example in it fits its schema, is published, and is
understood by who reads it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, cast, get_args

import asyncpg
import orjson
import pytest
from faststream.specification.asyncapi.v3_0_0.schema import ApplicationSchema
from jsonschema import Draft202012Validator
from makima_gateway.monitor.filter import MonitorFilter
from makima_kernel.commands.decoding import decode_command, decode_request
from makima_kernel.commands.router import snake_case
from makima_kernel.event_log.log import Log
from makima_kernel.nats.streams import provision
from makima_schemas import subjects
from makima_schemas.codec import EVENT_CLASSES, decode
from makima_schemas.commands import Accepted, Problem, decode_reply
from makima_schemas.contract.commands import ContractCommand
from makima_schemas.daemon import DeclareDisconnected
from makima_schemas.envelope import from_cloudevent
from makima_schemas.heartbeat_codec import decode_agent, decode_daemon, decode_subject, decode_supervisor
from makima_schemas.supervisor import DeclareSilent, RestartSupervisor
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.generated.asyncapi_subscribers import subscribers
from tests.generated.pages import FOLDER
from tests.schemas.unbounded_numbers import unbounded
from tests.servers import BUDGET

Json = dict[str, object]

DOCUMENT: Final = cast(
    "Json", orjson.loads((FOLDER / "asyncapi.json").read_bytes())
)  # whose freshness another test holds
MESSAGES: Final = cast("dict[str, Json]", cast("Json", DOCUMENT["components"])["messages"])
CHANNELS: Final = cast("dict[str, Json]", DOCUMENT["channels"])
COMMAND_CLASSES: Final[dict[str, type[object]]] = {
    snake_case(cls.__name__): cls
    for cls in (*get_args(ContractCommand), DeclareSilent, DeclareDisconnected, RestartSupervisor)
}


@dataclass(frozen=True)
class Sent:
    """An example, and a subject of its channel that it can be on."""

    channel: str
    message: str
    subject: str
    payload: bytes


def examples(server: str) -> Iterator[Sent]:
    for name, channel in CHANNELS.items():
        if channel.get("servers") != [{"$ref": f"#/servers/{server}"}]:
            continue
        for number, message in enumerate(cast("Json", channel["messages"])):
            for said in cast("list[Json]", MESSAGES[message]["examples"]):
                yield Sent(name, message, subject(channel, number), orjson.dumps(said["payload"]))


def subject(channel: Json, number: int) -> str:
    """Each parameter by its example; where there are as many as messages, by the message's own."""
    address, count = str(channel["address"]), len(cast("Json", channel["messages"]))
    for name, parameter in cast("dict[str, Json]", channel.get("parameters", {})).items():
        values = cast("list[str]", parameter["examples"])
        address = address.replace(f"{{{name}}}", values[number if len(values) == count else 0])
    return address


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        held = cast("Json", value)
        yield from (str(each) for name, each in held.items() if name == "$ref")
        for each in held.values():
            yield from references(each)
    if isinstance(value, list):
        for each in cast("list[object]", value):
            yield from references(each)


def test_it_is_an_asyncapi_document_whose_references_lead_somewhere() -> None:
    ApplicationSchema.model_validate(DOCUMENT)
    for reference in set(references(DOCUMENT)):
        place: object = cast("object", DOCUMENT)
        for step in reference.removeprefix("#/").split("/"):
            place = cast("Json", place)[step]


@pytest.mark.parametrize("name", MESSAGES)
def test_every_example_fits_its_schema(name: str) -> None:
    schema = cast("Json", MESSAGES[name]["payload"])
    for example in cast("list[Json]", MESSAGES[name]["examples"]):
        Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(example["payload"])


def test_every_event_and_every_command_is_in_it() -> None:
    events = {cls.__name__ for classes in EVENT_CLASSES.values() for cls in classes}
    assert events | {cls.__name__ for cls in COMMAND_CLASSES.values()} <= set(MESSAGES)


def test_every_number_that_a_service_reads_has_an_upper_bound() -> None:
    assert [*unbounded(subscribers().schemas, "")] == []


async def test_each_example_is_published_and_consumed(pool: asyncpg.Pool, nats: Client) -> None:
    await provision(nats, Log(pool), budget=BUDGET)
    streams = {
        "events": subjects.EVENTS_STREAM,
        "heartbeats": subjects.HEARTBEATS_STREAM,
        "dead": subjects.DEAD_LETTERS_STREAM,
    }
    core = await nats.subscribe("makima.>")
    for sent in examples("nats"):
        kind = sent.channel.partition("-")[0]
        await nats.publish(sent.subject, sent.payload)
        READERS[kind](sent, await core.next_msg(timeout=10))
        if kind in streams:
            stored = await nats.jetstream().get_last_msg(streams[kind], _stored_as(sent.subject))
            assert stored.data == sent.payload, sent


def _stored_as(subject: str) -> str:
    """Heartbeats are spread over shards on their way in."""
    return subject.replace("makima.heartbeats.", "makima.shards.*.")


def _event(sent: Sent, message: Msg) -> None:
    recorded = from_cloudevent(message.data)
    assert message.subject == subjects.event(recorded.category, recorded.entity_id, recorded.type)
    assert type(decode(recorded.type, recorded.schema, recorded.data)).__name__ == sent.message


def _heartbeat(sent: Sent, message: Msg) -> None:
    address = decode_subject(message.subject.replace("makima.heartbeats.", "makima.shards.0."))
    assert address is not None
    match address.kind:
        case "supervisor":
            decode_supervisor(address.entity_id, message.data, message.headers)
        case "agent":
            decode_agent(address.contract_id, address.role, message.data, message.headers)
        case "daemon":
            decode_daemon(address.entity_id, message.data, message.headers)
    assert address.kind.capitalize() in sent.message


def _command(sent: Sent, message: Msg) -> None:
    cls = COMMAND_CLASSES.get(message.subject.rpartition(".")[2])
    if cls is None:
        _object(sent, message)  # a query
        return
    assert type(decode_command(cls, decode_request(message.data).data)).__name__ == sent.message


def _object(_sent: Sent, message: Msg) -> None:
    assert message.data.startswith(b"{")
    orjson.loads(message.data)


READERS: Final[dict[str, Callable[[Sent, Msg], None]]] = {
    "events": _event,
    "heartbeats": _heartbeat,
    "commands": _command,
    "daemon": _command,
    "signals": _object,
    "stale": _object,
    "dead": _object,
}


def test_replies_are_what_the_asker_reads() -> None:
    read = {
        name: decode_reply(orjson.dumps(cast("list[Json]", MESSAGES[name]["examples"])[0]["payload"]))
        for name in ("Accepted", "Refused", "PhaseTrial")
    }
    assert isinstance(read["Accepted"], Accepted)
    assert isinstance(read["Refused"], Problem)
    assert isinstance(read["PhaseTrial"], dict)


def test_the_monitors_filter_is_what_the_gateway_reads() -> None:
    said = cast("list[Json]", MESSAGES["Filter"]["examples"])[0]["payload"]
    assert MonitorFilter.model_validate_json(orjson.dumps(said)).since == 4711
