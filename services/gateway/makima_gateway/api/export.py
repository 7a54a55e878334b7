"""Exports a contract as one JSON document: its events and the rows folded from them.

It is written page by page, so that a long history does not have to fit into memory.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from makima_kernel.event_log.log import Log
from makima_schemas.codec import decode, encode
from makima_schemas.envelope import to_cloudevent
from makima_schemas.identity import stream_name

from makima_gateway.api import serializers as views
from makima_gateway.api.schemas.contracts import Contract
from makima_gateway.api.schemas.questions import Message, Question
from makima_gateway.api.schemas.tasks import Task
from makima_gateway.read_model.fold import fold
from makima_gateway.read_model.history import pages
from makima_gateway.read_model.rows import ContractRow, Rows


@dataclass(frozen=True, slots=True)
class Export:
    """All events of a contract's own stream as CloudEvents 1.0, and the contract, tasks, questions and
    messages that they fold to at `version`, in the log of `epoch`.

    What the events of other streams change (stale, its supervisor, when completion was detected) is not
    included.
    """

    epoch: str  # identifies the log; it changes when the log is restored or replaced
    version: int  # of the last event in `events`
    events: list[dict[str, object]]
    contract: Contract
    tasks: list[Task]
    questions: list[Question]
    messages: list[Message]


async def written(log: Log, epoch: str, row: ContractRow, *, enhanced: bool) -> AsyncIterator[bytes]:
    """The JSON document of an `Export`, in pieces, up to the version of `row`.

    `enhanced` is the feature flag `enhanced_contract_status`.
    """
    rows, stream, version = Rows(), stream_name("contract", row.id), 0
    yield b'{"epoch":%b,"version":%d,"events":[' % (encode(epoch), row.version)
    async for page in pages(log, row.tenant, stream, 0, row.version):
        for recorded in page:
            fold(rows, recorded, decode(recorded.type, recorded.schema, recorded.data))
        rows.monitor_events.clear()
        yield (b"," if version else b"") + b",".join(map(to_cloudevent, page))
        version = page[-1].version
    yield b'],"contract":' + encode(views.contract(rows.contracts[row.tenant, row.id], enhanced=enhanced))
    yield b',"tasks":' + encode([views.task(task) for task in rows.tasks.values()])
    yield b',"questions":' + encode([views.question(question) for question in rows.questions.values()])
    yield b',"messages":' + encode([views.message(message) for message in rows.messages]) + b"}"
