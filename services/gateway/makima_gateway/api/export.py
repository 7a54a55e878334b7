"""Exports a contract as one JSON document: its events and the rows folded from them.

It is written page by page, so that a long history does not have to fit into memory.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from makima_kernel.event_log.log import Log
from makima_kernel.service.contracts_settings import ContractsSettings
from makima_schemas.codec import decode, encode
from makima_schemas.envelope import Recorded, to_cloudevent
from makima_schemas.identity import stream_name

from makima_gateway.api import serializers as views
from makima_gateway.api.agents import agent
from makima_gateway.api.schemas.agents import Agent
from makima_gateway.api.schemas.contracts import Contract
from makima_gateway.api.schemas.questions import Message, Question
from makima_gateway.api.schemas.tasks import Task
from makima_gateway.api.whole_contract import next_gate
from makima_gateway.read_model.fold import fold
from makima_gateway.read_model.history import agent_streams, pages
from makima_gateway.read_model.rows import ContractRow, Rows


@dataclass(frozen=True, slots=True)
class Export:
    """All events of a contract's own stream as CloudEvents 1.0, and the contract, tasks, questions and
    messages that they fold to at `version`, in the log of `epoch`.

    `agent_events` are those of the streams of its agents and supervisors, in their order each, and `agents` what
    they fold to. What the events of other streams change (stale, when completion was detected) is not included.
    """

    epoch: str  # identifies the log; it changes when the log is restored or replaced
    version: int  # of the last event in `events`
    events: list[dict[str, object]]
    contract: Contract
    tasks: list[Task]
    questions: list[Question]
    messages: list[Message]
    agent_events: list[dict[str, object]]
    agents: list[Agent]


@dataclass(frozen=True, slots=True)
class Others:
    """Whose streams an export has beside the contract's own, and by which settings agents are shown."""

    roles: Sequence[str]
    supervisors: Sequence[str]  # task ids
    settings: ContractsSettings


async def written(
    log: Log, epoch: str, row: ContractRow, others: Others, *, enhanced: bool
) -> AsyncIterator[bytes]:
    """The JSON document of an `Export`, in pieces, up to the version of `row`.

    `enhanced` is the feature flag `enhanced_contract_status`.
    """
    rows, version = Rows(), 0
    yield b'{"epoch":%b,"version":%d,"events":[' % (encode(epoch), row.version)
    async for page in _folded(log, rows, row.tenant, stream_name("contract", row.id), row.version):
        yield (b"," if version else b"") + b",".join(map(to_cloudevent, page))
        version = page[-1].version
    then = rows.contracts[row.tenant, row.id]
    gate = next_gate(then, rows.tasks.values())
    yield b'],"contract":' + encode(views.contract(then, next_gate=gate, enhanced=enhanced))
    yield b',"tasks":' + encode([views.task(task) for task in rows.tasks.values()])
    yield b',"questions":' + encode([views.question(question) for question in rows.questions.values()])
    yield b',"messages":' + encode([views.message(message) for message in rows.messages])
    yield b',"agent_events":['
    begun = False
    for stream in agent_streams(row.id, others.roles, others.supervisors):
        async for page in _folded(log, rows, row.tenant, stream, None):
            yield (b"," if begun else b"") + b",".join(map(to_cloudevent, page))
            begun = True
    shown = [agent(rows.agents[key], None, others.settings) for key in sorted(rows.agents)]
    yield b'],"agents":' + encode(shown) + b"}"


async def _folded(
    log: Log, rows: Rows, tenant: str, stream: str, limit: int | None
) -> AsyncIterator[list[Recorded]]:
    """The pages of a stream, each once it is folded onto the rows."""
    async for page in pages(log, tenant, stream, 0, limit):
        for recorded in page:
            fold(rows, recorded, decode(recorded.type, recorded.schema, recorded.data))
        rows.monitor_events.clear()
        yield page
