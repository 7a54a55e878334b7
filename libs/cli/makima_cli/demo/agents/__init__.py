"""The programs of the demo's agents, one for each role: small, and each with one habit of real agents.

A daemon starts them (`[agents.<role>]` of its settings); what they need to know is in their environment.
"""

import sys

# httpx's own command line, which it loads with itself where rich is installed, is half of the time that an agent takes
# to start: httpx finds it missing, which it is prepared for.
sys.modules.setdefault("httpx._main", None)  # pyright: ignore[reportArgumentType] - Python's way to say so
