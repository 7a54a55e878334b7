"""The AsyncAPI 3.0 document: every subject of interfaces.md and the monitor, seen from makima: it sends
events, it receives commands.
"""

from inspect import cleandoc
from typing import Final, Literal

import orjson
from makima_schemas import subjects
from makima_schemas.codec import EVENT_CLASSES
from makima_schemas.commands import Accepted, Problem
from makima_schemas.monitor import MONITOR_MESSAGES

from tests.generated import asyncapi_examples as examples
from tests.generated.asyncapi_schemas import HEARTBEATS, Json, answered, envelope, reference, schemas
from tests.generated.asyncapi_subscribers import Subscriber, subscribers

VERSION: Final = "1"
PARAMETERS: Final[dict[str, list[str]]] = {
    "daemon_id": ["daemon-1"],
    "contract_id": [examples.CONTRACT],
    "task_id": [examples.TASK],
    "role": ["builder"],
    "principal": ["daemon-1"],
    "kind": ["rejoin_required", "superseded", "start", "restart", "sync", "cleanup_worktrees", "interval"],
    "stream": [subjects.EVENTS_STREAM],
    "consumer": ["gateway"],
}
ACCEPTED: Final[Json] = {"ok": True, "version": 4, "position": 4711, "changed": True}
REFUSED: Final[Json] = {
    "error": {
        "code": "INVALID_TRANSITION",
        "detail": "…",
        "hint": None,
        "from": "archived",
        "to": "paused",
        "allowed": [],
    }
}


class Document:
    """The document while its channels are being added."""

    def __init__(self) -> None:
        self.channels: Json = {}
        self.operations: Json = {}
        self.messages: Json = {}

    def message(self, name: str, payload: Json, said: object) -> str:
        """Add a message with an example; return its name."""
        self.messages[name] = {
            "name": name,
            "contentType": "application/json",
            "payload": payload,
            "examples": [{"payload": said}],
        }
        return name

    def channel(
        self,
        name: str,
        address: str,
        description: str,
        messages: list[str],
        said: Json | None = None,
        *,
        server: str = "nats",
    ) -> None:
        """One address and what goes over it; `said` are examples of its parameters, where the usual ones are
        not enough.
        """
        parameters = {
            each: {"examples": (said or {}).get(each) or PARAMETERS[each]} for each in _parameters(address)
        }
        self.channels[name] = {
            "address": address,
            "description": description,
            "servers": [{"$ref": f"#/servers/{server}"}],
            "messages": {each: {"$ref": f"#/components/messages/{each}"} for each in messages},
            **({"parameters": parameters} if parameters else {}),
        }

    def described(self, subscriber: Subscriber, message: str) -> Json:
        """FastStream's channel, with our server, the example of its message and those of its parameters."""
        parameters = {
            each: {"examples": PARAMETERS[each]} for each in _parameters(subscriber.channel["address"])
        }
        return {
            **subscriber.channel,
            "description": _paragraphs(subscriber.channel["description"]),
            "servers": [{"$ref": "#/servers/nats"}],
            "messages": {message: {"$ref": f"#/components/messages/{message}"}},
            **({"parameters": parameters} if parameters else {}),
        }

    def operation(
        self,
        action: Literal["send", "receive"],
        channel: str,
        messages: list[str] | None = None,
        replies: list[str] | None = None,
    ) -> None:
        """What makima does there: with all messages of the channel, or with these."""
        made: Json = {"action": action, "channel": {"$ref": f"#/channels/{channel}"}}
        if messages is not None:
            made["messages"] = _of(channel, messages)
        if replies is not None:
            address = {"location": "$message.header#/reply", "description": "NATS's reply subject"}
            made["reply"] = {
                "address": address,
                "channel": {"$ref": "#/channels/replies"},
                "messages": _of("replies", replies),
            }
        self.operations[f"{action}-{channel}"] = made


def _paragraphs(docstring: str) -> str:
    """The text of a docstring without the line breaks of its source."""
    return "\n\n".join(" ".join(each.split()) for each in cleandoc(docstring).split("\n\n"))


def _of(channel: str, messages: list[str]) -> list[Json]:
    return [{"$ref": f"#/channels/{channel}/messages/{each}"} for each in messages]


def _parameters(address: str) -> list[str]:
    return [part[1:-1] for part in address.split(".") if part.startswith("{")]


def _events(made: Document) -> None:
    for category, classes in EVENT_CLASSES.items():
        names = [
            made.message(
                cls.__name__, envelope(category, cls.__name__), examples.event(category, cls.__name__)
            )
            for cls in classes
        ]
        address = subjects.event(category, "{id}", "{name}")
        description = f"Events of the category {category}, each exactly once and in order, from the stream {subjects.EVENTS_STREAM}."
        made.channel(
            f"events-{category}",
            address,
            description,
            names,
            {"id": [examples.ENTITIES[category]], "name": names},
        )
        made.operation("send", f"events-{category}")


def _heartbeats(made: Document) -> None:
    addresses = (
        subjects.supervisor_heartbeat("{daemon_id}", "{task_id}"),
        subjects.agent_heartbeat("{daemon_id}", "{contract_id}", "{role}"),
        subjects.daemon_heartbeat("{daemon_id}"),
    )
    for kind, address, cls in zip(("supervisor", "agent", "daemon"), addresses, HEARTBEATS, strict=True):
        name = made.message(cls.__name__, reference(cls.__name__), examples.message(cls))
        description = f"Heartbeats of the kind {kind}: JSON, or protobuf with the header `Content-Type: application/x-protobuf`."
        made.channel(f"heartbeats-{kind}", address, description, [name])
        made.operation("receive", f"heartbeats-{kind}")


def _subscribers(made: Document) -> None:
    """Commands, questions and reactions as FastStream describes them, with examples and replies."""
    refused = made.message("Refused", reference("Refusal"), REFUSED)
    answers = {Accepted: made.message("Accepted", reference("Accepted"), ACCEPTED), Problem: refused}
    for each in subscribers().found:
        made.channels[each.name] = made.described(
            each, made.message(each.asked.__name__, each.payload, _example(each))
        )
        for answer in each.replies:
            if answer not in answers:
                answers[answer] = made.message(
                    answer.__name__, answered(answer), {"ok": True, **examples.message(answer)}
                )
        replies = {answers[answer]: None for answer in (*each.replies, Problem)} if each.replies else None
        made.operation("receive", each.name, replies=None if replies is None else list(replies))
    made.channels["replies"] = {
        "address": None,
        "description": "The reply subject of the request.",
        "messages": {each: {"$ref": f"#/components/messages/{each}"} for each in answers.values()},
    }


def _example(each: Subscriber) -> Json:
    said = examples.message(each.asked)
    if Accepted not in each.replies:
        return said
    return {"command_id": str(examples.RECORDED.command_id), "target": examples.CONTRACT, "data": said}


def _signals(made: Document) -> None:
    signal = made.message("Signal", reference("Signal"), {"contract_id": examples.CONTRACT})
    made.channel(
        "signals-daemon",
        subjects.daemon_signal("{daemon_id}", "{kind}"),
        "Signals to a daemon, also of its agents.",
        [signal],
    )
    made.operation("send", "signals-daemon")


def _dead_letters(made: Document) -> None:
    said = {
        "reason": "not JSON",
        "origin": {"stream": subjects.EVENTS_STREAM, "sequence": 4711},
        "truncated": False,
        "payload": "{",
    }
    letter = made.message("DeadLetter", reference("DeadLetter"), said)
    description = f"Messages that could not be processed, kept for 30 days in the stream {subjects.DEAD_LETTERS_STREAM}."
    made.channel("dead-letters", subjects.dead_letter("{stream}", "{consumer}"), description, [letter])
    made.operation("send", "dead-letters")


def _monitor(made: Document) -> None:
    told = [
        made.message(f"monitor.{cls.__name__}", reference(cls.__name__), examples.message(cls))
        for cls in MONITOR_MESSAGES
    ]
    asked = made.message(
        "Filter",
        reference("MonitorFilter"),
        {"contract_ids": [examples.CONTRACT], "statuses": ["active"], "since": 4711},
    )
    description = "The monitor as a WebSocket; `GET …/monitor/events` sends the same events as Server-Sent Events. Each filter from the client replaces the previous one."
    made.channel("monitor", "/contracts/monitor", description, [*told, asked], server="gateway")
    made.operation("send", "monitor", told)
    made.operation("receive", "monitor", [asked])


def document() -> Json:
    made = Document()
    for part in (_events, _heartbeats, _subscribers, _signals, _dead_letters, _monitor):
        part(made)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "makima: messages on NATS",
            "version": VERSION,
            "description": "Events are CloudEvents 1.0 on a JetStream stream whose sequence is the log's position; commands are request/reply.",
        },
        "defaultContentType": "application/json",
        "servers": {
            "nats": {"host": "127.0.0.1:4222", "pathname": "", "protocol": "nats"},
            "gateway": {"host": "127.0.0.1:8420", "pathname": "/api/v1", "protocol": "ws"},
        },
        "channels": made.channels,
        "operations": made.operations,
        "components": {"messages": made.messages, "schemas": schemas()},
    }


def asyncapi() -> str:
    return orjson.dumps(document(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
