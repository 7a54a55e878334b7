"""`makima up`: the whole system on this machine, until Ctrl-C."""

from makima_cli.up.command import up as up
