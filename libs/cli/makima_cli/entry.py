"""The console script: `makima hook` runs for each tool call of an agent and so without click, which takes four
times as long to import as Python takes to start.
"""

import os
import sys


def main() -> None:
    """Run `makima`. `makima hook` ends the process here, with 0."""
    if sys.argv[1:] == ["hook"]:
        from makima_cli.hook.send import hand_over  # noqa: PLC0415 — only for this command

        hand_over()
        os._exit(0)  # no clean-up that could take time, or fail at a closed stdout
    # httpx's own command line, which it loads with itself where rich and pygments are installed: that is more than
    # half of the time that a command of ours takes to start. So httpx finds it missing, which it is prepared for.
    sys.modules.setdefault("httpx._main", None)  # pyright: ignore[reportArgumentType] - Python's way to say so
    from makima_cli.main import main as command  # noqa: PLC0415 — click

    if "_MAKIMA_COMPLETE" in os.environ:
        from makima_cli.completion.live import register  # noqa: PLC0415 — only for a shell that asks

        register()
    command()
