"""`makima contracts monitor --format tui`: what needs a person, contracts, agents and events, live.

`state` folds what the server tells, `keys` what is typed; `view` draws both as lines. None of the three has
effects: `feed` reads and writes, and `app` is the terminal.
"""
