"""Reads a contract as of a version or a time, by the fold of the read model over the contract's stream."""

from dataclasses import dataclass
from datetime import datetime

from makima_kernel.event_log.log import Log
from makima_schemas.codec import decode
from makima_schemas.identity import stream_name

from makima_gateway.read_model.fold import fold
from makima_gateway.read_model.rows import ContractRow, MessageRow, QuestionRow, Rows, TaskRow


@dataclass(frozen=True, slots=True)
class AsItWas:
    """A contract with its tasks, questions and messages as of a version or a time."""

    contract: ContractRow | None  # null: it did not exist then, or was deleted
    tasks: dict[str, TaskRow]  # by task id
    questions: dict[str, QuestionRow]  # by question id
    messages: dict[str, MessageRow]  # by message id


async def as_it_was(
    log: Log, tenant: str, contract_id: str, *, version: int | None = None, at: datetime | None = None
) -> AsItWas:
    """The contract at `version`, or at the time `at`; both null: at its newest version.

    The events of other streams (staleness, its supervisor) are not applied.
    """
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
