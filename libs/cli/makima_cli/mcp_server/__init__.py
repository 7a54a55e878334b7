"""`makima mcp`: a server of the Model Context Protocol on stdin and stdout, for agents that are its clients."""

from makima_cli.mcp_server.command import mcp as mcp
