"""`makima agent`: a script as an agent, one command for each step of its life."""

import click

from makima_cli.main import LazyGroup

STEPS = "makima_cli.agent.steps"
COMMANDS: dict[str, tuple[str, str]] = {
    "wait-for-task": ("makima_cli.agent.wait:wait_for_task", "Join, wait for a task of the role, claim it."),
    "task-started": (f"{STEPS}:task_started", "Say that work on the task has begun."),
    "task-complete": (f"{STEPS}:task_complete", "Say that the task is done, or has failed."),
    "handoff": (f"{STEPS}:handoff", "Say that the task is done, and that another role goes on."),
    "leave": (f"{STEPS}:leave", "Leave; what the agent held is pending again."),
    "restart": (f"{STEPS}:restart", "Have the daemon start the agent again."),
}


@click.command(cls=LazyGroup, table=COMMANDS)
def agent() -> None:
    """Let a script be an agent: wait for a task, start it, complete it or hand it off, leave."""
