"""Every command of a contract, on the bus under its own name."""

from typing import get_args

from makima_kernel.bus.commands import CommandRouter
from makima_kernel.bus.decisions import Decisions
from makima_schemas.contract.commands import ContractCommand
from makima_schemas.contract.events import ContractEvent

from services.contract.domain.state import Contract

ContractDecisions = Decisions[Contract, ContractCommand, ContractEvent]


def commands(service: str, decisions: ContractDecisions) -> CommandRouter:
    router = CommandRouter(service)
    for command in get_args(ContractCommand):
        router.command(command, decisions.handle)
    return router
