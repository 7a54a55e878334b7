"""The help: every key, and what it does. No line is longer than the narrowest whole screen."""

from typing import Final

HELP: Final = (
    "1 2 3 4    contracts, agents, events, system; in a contract 1 to 5: its tabs",
    "Tab n      next pane; next thing that waits for you",
    "j k ↓ ↑    move        g G Space  top (rows to their places), end, a page on",
    "Enter Esc  open, back",
    "/          filter; of contracts: status:active,blocked phase:plan stale:true",
    "           waiting:true threshold:30m words; of agents: status:dead stuck:true",
    "           words; of events: type:QuestionAsked words",
    "s p        order; pause the screen, go on",
    "w          why it does not go on; of an agent: why it was declared dead",
    "y          copy the id; again: the command about it",
    "[ ] { } .  in a contract: a version back, on; a phase back, on; now",
    "x X b      select, select to here; act on the selection, after a preview",
    "a c        answer the question (a choice by its number); confirm the phase",
    "A          advance: a dry run first, then it asks",
    "P U F      pause or resume, unblock, fail: each asks first",
    "r          restart the agent, or the contract's supervisor: asks first",
    "q Ctrl-C   quit",
)
