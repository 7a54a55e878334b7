"""`makima completion`: the script of a shell that completes commands, options and ids."""

from makima_cli.completion.command import completion as completion
