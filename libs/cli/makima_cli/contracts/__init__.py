"""`makima contracts`: list, create, change and monitor contracts."""

import click

from makima_cli.main import LazyGroup

CHANGE = "makima_cli.contracts.change"
COMMANDS: dict[str, tuple[str, str]] = {
    "list": ("makima_cli.contracts.listing:list_contracts", "Contracts, newest first, with filters."),
    "show": ("makima_cli.contracts.show:show", "One contract in full."),
    "create": ("makima_cli.contracts.create:create", "A new contract."),
    "start": (f"{CHANGE}:start", "Begin the work."),
    "pause": (f"{CHANGE}:pause", "Set it aside for a while."),
    "resume": (f"{CHANGE}:resume", "Go on where it was paused."),
    "block": (f"{CHANGE}:block", "Something outside holds it up."),
    "unblock": (f"{CHANGE}:unblock", "What held it up is gone."),
    "complete": (f"{CHANGE}:complete", "It is done, whatever its gates say."),
    "fail": (f"{CHANGE}:fail", "It will not be done."),
    "reopen": (f"{CHANGE}:reopen", "Take up a completed or failed one again."),
    "archive": (f"{CHANGE}:archive", "Put a finished one away."),
    "delete": (f"{CHANGE}:delete", "Forget an archived one."),
    "advance": ("makima_cli.contracts.advance:advance", "On to a phase."),
    "answer": (f"{CHANGE}:answer", "Answer an agent's question."),
    "events": ("makima_cli.contracts.events:events", "What happened to a contract, from its log."),
    "wait": ("makima_cli.contracts.wait:wait", "Wait until it reaches a status."),
    "monitor": ("makima_cli.contracts.watch:monitor", "What happens, as it happens."),
}


@click.command(cls=LazyGroup, table=COMMANDS)
def contracts() -> None:
    """See, create, move and watch contracts."""
