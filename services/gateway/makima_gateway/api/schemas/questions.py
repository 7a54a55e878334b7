"""Request and response schemas of questions and messages."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from makima_schemas.contract.model import Id, QuestionType

from makima_gateway.http.bodies import Body, Text


@dataclass(frozen=True, slots=True)
class Question:
    id: str
    contract_id: str
    question: str
    question_type: QuestionType
    options: list[str]  # the answers to choose from; empty for a free text
    status: Literal["open", "answered"]
    answer: str | None
    asked_at: datetime
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Message:
    id: str
    contract_id: str
    role: str  # of the sender, e.g. `builder`
    content: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class QuestionPage:
    items: list[Question]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class MessagePage:
    items: list[Message]
    next_cursor: str | None


class NewQuestion(Body):
    question: Text
    question_type: QuestionType = "text"
    options: tuple[Text, ...] = ()


class NewAnswer(Body):
    answer: Text


class NewMessage(Body):
    role: Id
    content: Text
