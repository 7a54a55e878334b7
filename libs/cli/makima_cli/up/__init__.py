"""`makima up`: the whole system on this machine, until Ctrl-C."""
