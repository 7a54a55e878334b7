"""Every command of a contract, on the bus under its own name."""

from typing import Final, get_args

from makima_kernel.commands.handler import CommandHandler
from makima_kernel.commands.router import CommandRouter
from makima_schemas.contract import commands as c
from makima_schemas.contract.commands import ContractCommand
from makima_schemas.contract.events import ContractEvent

from makima_contract.domain.state import Contract
from makima_contract.handlers.authorization import Authorization

ContractCommandHandler = CommandHandler[Contract, ContractCommand, ContractEvent]


# As over HTTP (`services/gateway/makima_gateway/auth/policy.py`): the work, not what becomes of the contract.
DAEMONS: Final[frozenset[type]] = frozenset(
    {
        c.ChangePhase,
        c.CompleteDeliverable,
        c.CreateTask,
        c.ClaimTask,
        c.StartTask,
        c.ReleaseTask,
        c.CompleteTask,
        c.HandOffTask,
        c.AskQuestion,
        c.AnswerQuestion,
        c.SendMessage,
    }
)


def commands(service: str, decisions: ContractCommandHandler, authorization: Authorization) -> CommandRouter:
    router = CommandRouter(service, authorize=authorization.check)
    for command in get_args(ContractCommand):
        router.command(command, decisions.handle, daemons=command in DAEMONS)
    return router
