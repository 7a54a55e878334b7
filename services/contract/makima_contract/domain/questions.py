"""Questions and messages: what a contract and its people say to each other."""

from makima_schemas.contract.commands import AnswerQuestion, AskQuestion, SendMessage
from makima_schemas.contract.events import ContractEvent, MessageSent, QuestionAnswered, QuestionAsked
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

from makima_contract.domain.refusals import invalid
from makima_contract.domain.state import Contract


def ask(contract: Contract, command: AskQuestion) -> list[ContractEvent]:
    if command.question_id in contract.questions:
        raise invalid("question_id", f"question {command.question_id!r} exists already", hint="mint a new id for a new question")
    if (command.question_type == "choice") != bool(command.options):
        raise invalid("options", "a question of type choice has options, and only such a one")
    return [QuestionAsked(command.question_id, command.question, command.question_type, command.options)]


def answer(contract: Contract, command: AnswerQuestion) -> list[ContractEvent]:
    """The same answer again changes nothing; another one comes too late."""
    question = contract.questions.get(command.question_id)
    if question is None:
        raise Refused(ErrorCode.QUESTION_NOT_FOUND, f"there is no question {command.question_id!r} in this contract")
    if question.answer == command.answer:
        return []
    if question.answer is not None:
        members = {"from": "answered", "to": "answered", "allowed": list[str]()}
        detail = f"question {command.question_id!r} was answered with {question.answer!r}"
        raise Refused(ErrorCode.INVALID_TRANSITION, detail, hint="ask a new question", **members)
    if question.options and command.answer not in question.options:
        raise invalid("answer", f"is not one of {', '.join(question.options)}")
    return [QuestionAnswered(command.question_id, command.answer)]


def send(command: SendMessage) -> list[ContractEvent]:
    return [MessageSent(command.message_id, command.role, command.content)]
