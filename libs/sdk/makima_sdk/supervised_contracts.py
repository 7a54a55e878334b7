"""The contracts as a supervisor works on them: what it does to its own one is a save point, and saved."""

from collections.abc import Callable, Mapping, Sequence

from makima_schemas.contract.model import QuestionType

from makima_sdk.contracts import Contracts
from makima_sdk.http import Sender
from makima_sdk.models import Contract, Question, Task

Save = Callable[[str, Mapping[str, object]], None]  # of a kind, with its members


class SupervisedContracts(Contracts):
    """`Contracts`, and the save of a task that was created, a question that was asked, and a change of phase."""

    def __init__(self, http: Sender, contract_id: str, save: Save, in_phase: Callable[[str], None]) -> None:
        super().__init__(http)
        self._contract_id = contract_id
        self._save, self._in_phase = save, in_phase

    async def create_task(
        self,
        contract_id: str,
        name: str,
        *,
        phase: str | None = None,
        role: str | None = None,
        key: str | None = None,
    ) -> Task:
        task = await super().create_task(contract_id, name, phase=phase, role=role, key=key)
        if contract_id == self._contract_id:
            self._save("task_spawned", {"task_id": task.id})
        return task

    async def ask(
        self,
        contract_id: str,
        question: str,
        *,
        question_type: QuestionType = "text",
        options: Sequence[str] = (),
        key: str | None = None,
    ) -> Question:
        new = await super().ask(contract_id, question, question_type=question_type, options=options, key=key)
        if contract_id == self._contract_id:
            self.note(new)
        return new

    async def change_phase(
        self,
        contract_id: str,
        phase: str,
        *,
        confirmed: bool = False,
        force: bool = False,
        expected_version: int | None = None,
    ) -> Contract:
        contract = await super().change_phase(
            contract_id, phase, confirmed=confirmed, force=force, expected_version=expected_version
        )
        if contract_id == self._contract_id:
            self._in_phase(contract.phase)
        return contract

    def note(self, question: Question) -> None:
        """Save the question: that it was asked, or that it is answered."""
        members: dict[str, object] = {"question_id": question.id, "question": question.question}
        if question.answer is not None:
            members["answer"] = question.answer
        else:
            members["question_type"] = question.question_type
            members["options"] = list(question.options)
        self._save("question", members)
