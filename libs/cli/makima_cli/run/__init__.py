"""`makima run`: any program as an agent, without code."""

from makima_cli.run.command import run as run
