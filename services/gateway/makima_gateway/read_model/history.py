"""A contract as it was: its stream folded up to a version or a time by the same fold that keeps the read model."""

from dataclasses import dataclass
from datetime import datetime

from makima_kernel.event_log.log import Log
from makima_schemas.codec import decode
from makima_schemas.identity import stream_name

from makima_gateway.read_model.fold import fold
from makima_gateway.read_model.rows import ContractRow, MessageRow, QuestionRow, Rows, TaskRow


@dataclass(frozen=True, slots=True)
class AsItWas:
    """A contract and what lay in it. `contract` is null where it did not exist (yet, or any more)."""

    contract: ContractRow | None
    tasks: dict[str, TaskRow]
    questions: dict[str, QuestionRow]
    messages: dict[str, MessageRow]


async def as_it_was(log: Log, tenant: str, contract_id: str, *, version: int | None = None, at: datetime | None = None) -> AsItWas:
    """After `version`, or at the time `at`; both null: now. What other streams say of it (stale, its supervisor) is left out."""
    rows = Rows()
    for recorded in await log.stream(tenant, stream_name("contract", contract_id), limit=version):
        if at is not None and recorded.recorded_at > at:
            break
        fold(rows, recorded, decode(recorded.type, recorded.schema, recorded.data))
    return AsItWas(
        rows.contracts.get((tenant, contract_id)),
        {task.id: task for task in rows.tasks.values()},
        {question.id: question for question in rows.questions.values()},
        {message.id: message for message in rows.messages},
    )
