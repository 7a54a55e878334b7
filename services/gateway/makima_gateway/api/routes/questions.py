"""Asks and answers questions of a contract, and sends and lists its messages."""

from fastapi import APIRouter
from makima_schemas.contract.commands import AnswerQuestion, AskQuestion, ContractCommand, SendMessage
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused
from starlette.responses import Response

from makima_gateway.api import serializers as views
from makima_gateway.api.as_it_was import questions_as_they_were
from makima_gateway.api.reads import At, ContractId, Cursor, Limit, QuestionId, Reading
from makima_gateway.api.schemas.questions import (
    Message,
    MessagePage,
    NewAnswer,
    NewMessage,
    NewQuestion,
    Question,
    QuestionPage,
)
from makima_gateway.api.speaker import check_role
from makima_gateway.api.writes import WriteContext, Writing
from makima_gateway.http.responses import json_response

router = APIRouter(tags=["questions and messages"])


@router.get("/contracts/{contract_id}/questions", response_model=QuestionPage)
async def list_questions(
    contract_id: ContractId, read: Reading, limit: Limit = 50, cursor: Cursor = None, at: At = None
) -> Response:
    return await read.page_of(
        contract_id,
        "questions",
        find=read.gateway.queries.questions
        if at is None
        else await questions_as_they_were(read, contract_id, at),
        place=lambda row: row.asked_position,
        show=views.question,
        limit=limit,
        cursor=cursor,
    )


@router.post("/contracts/{contract_id}/questions", status_code=201, response_model=Question)
async def ask_question(contract_id: ContractId, body: NewQuestion, write: Writing) -> Response:
    question_id = write.new_id("question")
    command = AskQuestion(question_id, body.question, body.question_type, body.options)
    return await _question(write, contract_id, question_id, command, status=201)


@router.post("/contracts/{contract_id}/questions/{question_id}/answer", response_model=Question)
async def answer_question(
    contract_id: ContractId, question_id: QuestionId, body: NewAnswer, write: Writing
) -> Response:
    return await _question(write, contract_id, question_id, AnswerQuestion(question_id, body.answer))


@router.get("/contracts/{contract_id}/messages", response_model=MessagePage)
async def list_messages(
    contract_id: ContractId, read: Reading, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    return await read.page_of(
        contract_id,
        "messages",
        find=read.gateway.queries.messages,
        place=lambda row: row.position,
        show=views.message,
        limit=limit,
        cursor=cursor,
    )


@router.post("/contracts/{contract_id}/messages", status_code=201, response_model=Message)
async def send_message(contract_id: ContractId, body: NewMessage, write: Writing) -> Response:
    check_role(write.principal, body.role)
    message_id = write.new_id("message")
    written = await write.send(contract_id, SendMessage(message_id, body.role, body.content))
    row = (await write.as_of(written)).messages[message_id]
    return json_response(views.message(row), written.headers, status=201)


async def _question(
    write: WriteContext, contract_id: str, question_id: str, command: ContractCommand, *, status: int = 200
) -> Response:
    """Send the command, and answer with the question at the version that it made."""
    written = await write.send(contract_id, command)
    if await write.is_current(written):
        row = await write.gateway.queries.question(write.principal.tenant, contract_id, question_id)
    else:
        row = (await write.as_of(written)).questions.get(question_id)
    if row is None:
        raise Refused(ErrorCode.QUESTION_NOT_FOUND, f"there is no question {question_id} in this contract")
    return json_response(views.question(row), written.headers, status=status)
