"""What the help of a command ends with."""


def examples(*commands: str) -> str:
    """For a command's `epilog`: these commands, a line each."""
    return "\n".join(("\b", "Examples:", *(f"  {command}" for command in commands)))
