"""`makima contracts`: list, create, change and monitor contracts."""

import click

from makima_cli.main import LazyGroup

CHANGE = "makima_cli.contracts.change"
COMMANDS: dict[str, tuple[str, str]] = {
    "list": ("makima_cli.contracts.listing:list_contracts", "List contracts, newest first, with filters."),
    "show": ("makima_cli.contracts.show:show", "Show all details of a contract."),
    "create": ("makima_cli.contracts.create:create", "Create a contract."),
    "start": (f"{CHANGE}:start", "Start a created contract."),
    "pause": (f"{CHANGE}:pause", "Pause a contract."),
    "resume": (f"{CHANGE}:resume", "Resume a paused contract in the status that it had before."),
    "block": (f"{CHANGE}:block", "Mark a contract as blocked by something outside of it."),
    "unblock": (f"{CHANGE}:unblock", "Remove the block from a blocked contract."),
    "complete": (f"{CHANGE}:complete", "Complete a contract without checking its gates."),
    "fail": (f"{CHANGE}:fail", "Mark a contract as failed."),
    "reopen": (f"{CHANGE}:reopen", "Reopen a completed or failed contract."),
    "archive": (f"{CHANGE}:archive", "Archive a contract."),
    "delete": (f"{CHANGE}:delete", "Delete an archived contract."),
    "advance": ("makima_cli.contracts.advance:advance", "Move a contract to another phase."),
    "answer": (f"{CHANGE}:answer", "Answer an agent's question."),
    "confirm": ("makima_cli.contracts.confirm:confirm", "Confirm the next phase of a guarded contract."),
    "restart-supervisor": (
        "makima_cli.contracts.restart:restart_supervisor",
        "Ask the daemon to start a contract's supervisor again.",
    ),
    "health": ("makima_cli.contracts.health:health", "Say whether a contract is well, and why."),
    "explain": ("makima_cli.contracts.explain:explain", "Say why a contract does not advance."),
    "export": ("makima_cli.contracts.export:export", "Write everything about a contract as JSON."),
    "cleanup": (
        "makima_cli.contracts.cleanup:cleanup",
        "Remove worktrees, archive and delete what ended long ago.",
    ),
    "events": ("makima_cli.contracts.events:events", "Show the recorded events of a contract."),
    "wait": ("makima_cli.contracts.wait:wait", "Wait until a contract reaches a status."),
    "monitor": ("makima_cli.contracts.watch:monitor", "Show events as they happen."),
}


@click.command(cls=LazyGroup, table=COMMANDS)
def contracts() -> None:
    """List, create, change and monitor contracts."""
