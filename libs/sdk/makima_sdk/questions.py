"""Asks a question of a contract and waits for its answer."""

from collections.abc import Sequence

from makima_schemas.contract.model import QuestionType

from makima_sdk.changes import ContractChanges
from makima_sdk.contracts import Contracts
from makima_sdk.http import Sender
from makima_sdk.models import ENDED, Question
from makima_sdk.problems import UnansweredError


async def ask(
    contracts: Contracts,
    sender: Sender,
    contract_id: str,
    text: str,
    *,
    question_type: QuestionType = "text",
    options: Sequence[str] = (),
    key: str | None = None,
) -> Question:
    """It, answered. Raises `UnansweredError` if the contract ends before."""
    changes = ContractChanges(sender, contract_id)
    question = await contracts.ask(contract_id, text, question_type=question_type, options=options, key=key)
    while True:
        contract = await changes.next()
        for known in await contracts.questions(contract_id):
            if known.id == question.id and known.answer is not None:
                return known
        if contract.status in ENDED:
            raise UnansweredError(f"the contract is {contract.status}, and nobody answered: {text[:200]}")
