"""Tells the variables that Kubernetes sets for the services beside a container from settings."""

import re
from collections.abc import Mapping
from typing import Final

_LINK: Final = re.compile(
    r"(?P<service>\w+?)_(?P<member>SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$"
)
_LINK_ADDRESS: Final = re.compile(r"(tcp|udp|sctp)://")


def service_links(environment: Mapping[str, str]) -> set[str]:
    """The variables with which Kubernetes (as Docker's links) tells each container of the services beside it:
    for one that is called `makima-gateway` `MAKIMA_GATEWAY_PORT=tcp://10.0.0.7:8420`, and others of that name.
    They are nobody's settings.
    """
    named = {variable: found for variable in environment if (found := _LINK.match(variable)) is not None}
    addresses = {variable for variable in named if _LINK_ADDRESS.match(environment[variable])}
    linked = {named[variable]["service"] for variable in addresses}
    return addresses | {
        variable
        for variable, found in named.items()
        if found["service"] in linked and found["member"] != "PORT"  # that one is set by hand, if no address
    }
