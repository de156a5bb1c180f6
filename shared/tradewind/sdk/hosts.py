"""The name of this host."""

import socket

from tradewind.sdk.configuration import conf


def get_hostname() -> str:
    """What the function that `[core] hostname_callable` names says; without it, this host's full name."""
    function = conf.getimport("core", "hostname_callable", fallback="")
    return str(function()) if function else socket.getfqdn()


def get_host_ip_address() -> str:
    """The address that its name has."""
    return socket.gethostbyname(get_hostname())
