"""Registers every contract command with the command router, each under its own name."""

from typing import Final, get_args

from makima_kernel.commands.handler import CommandHandler
from makima_kernel.commands.router import CommandRouter
from makima_schemas.contract import commands as c
from makima_schemas.contract.commands import ContractCommand
from makima_schemas.contract.events import ContractEvent

from makima_contract.domain.agents import Command
from makima_contract.domain.state import Contract
from makima_contract.handlers.authorization import Authorization

ContractCommandHandler = CommandHandler[Contract, Command, ContractEvent]


# The commands that daemons may send, the same as over HTTP
# (`services/gateway/makima_gateway/auth/policy.py`): those about the work, not those that decide about the
# contract, such as pause or delete.
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

# Those that can be repeated without end, and are refused once a contract has all the events that it may have.
REPEATABLE: Final = DAEMONS | {
    c.PauseContract,
    c.BlockContract,
    c.ReopenContract,
    c.SetPhaseGuard,
    c.SetAutoComplete,
}


def is_repeatable(command: Command) -> bool:
    return type(command) in REPEATABLE


def commands(service: str, decisions: ContractCommandHandler, authorization: Authorization) -> CommandRouter:
    """A router that subscribes to all classes of `ContractCommand`. `service`: the name in their subjects."""
    router = CommandRouter(service, authorize=authorization.check)
    for command in get_args(ContractCommand):
        router.command(command, decisions.handle, daemons=command in DAEMONS)
    return router
