"""Questions with their answers, and messages, between a contract's agents and people."""

from typing import Final

from makima_schemas.codec import encode
from makima_schemas.contract.commands import AnswerQuestion, AskQuestion, SendMessage
from makima_schemas.contract.events import ContractEvent, MessageSent, QuestionAnswered, QuestionAsked
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

from makima_contract.domain.refusals import invalid
from makima_contract.domain.state import Contract
from makima_contract.domain.statuses import LIFECYCLE

MAX_ASKED_AGAIN_BYTES: Final = 384 * 1024  # an append may have 512 KiB
CONFIRM_ANSWERS: Final = ("yes", "no")  # of a question of type `confirm`


def ask(contract: Contract, command: AskQuestion) -> list[ContractEvent]:
    """Asks a question; a question of type `choice`, and only that, has options.

    Raises `Refused(INVALID_REQUEST)` for an id that exists already, and for missing or superfluous options.
    """
    if command.question_id in contract.questions:
        raise invalid(
            "question_id",
            f"question {command.question_id!r} already exists",
            hint="use a new id for a new question",
        )
    if (command.question_type == "choice") != bool(command.options):
        raise invalid("options", "options are required for type choice, and allowed for no other type")
    return [QuestionAsked(command.question_id, command.question, command.question_type, command.options)]


def asked_again(contract: Contract) -> list[ContractEvent]:
    """The open questions once more, oldest first, for who waits for an answer after a restoration: with the assignment
    in one append, so once. Those that do not fit into it are only listed.
    """
    if LIFECYCLE.allowed(contract.status, AskQuestion) is None:
        return []
    left, found = MAX_ASKED_AGAIN_BYTES, list[ContractEvent]()
    for question_id, question in contract.questions.items():
        again = QuestionAsked(
            question_id, question.question, question.question_type, question.options, again=True
        )
        if question.answer is None and (left := left - len(encode(again))) >= 0:
            found.append(again)
    return found


def answer(contract: Contract, command: AnswerQuestion) -> list[ContractEvent]:
    """Records the first answer. Repeating it records nothing; a different one is refused.

    Raises `Refused`: `QUESTION_NOT_FOUND`, `INVALID_TRANSITION` for a second, different answer, and
    `INVALID_REQUEST` for an answer that is none of the question's options, or none of yes and no where it is to
    be confirmed.
    """
    question = contract.questions.get(command.question_id)
    if question is None:
        raise Refused(
            ErrorCode.QUESTION_NOT_FOUND, f"there is no question {command.question_id!r} in this contract"
        )
    if question.answer == command.answer:
        return []
    if question.answer is not None:
        members = {"from": "answered", "to": "answered", "allowed": list[str]()}
        detail = f"question {command.question_id!r} was answered with {question.answer!r}"
        raise Refused(ErrorCode.INVALID_TRANSITION, detail, hint="ask a new question", **members)
    if question.question_type == "confirm" and command.answer not in CONFIRM_ANSWERS:
        raise invalid("answer", f"is not one of {', '.join(CONFIRM_ANSWERS)}")
    if question.options and command.answer not in question.options:
        raise invalid("answer", f"is not one of {', '.join(question.options)}")
    return [QuestionAnswered(command.question_id, command.answer)]


def send(command: SendMessage) -> list[ContractEvent]:
    """Records the message."""
    return [MessageSent(command.message_id, command.role, command.content)]
