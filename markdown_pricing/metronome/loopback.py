"""Which hosts are this machine itself, where no network carries what is said."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Whether a URL's host is this machine: localhost, 127.0.0.0/8 or ::1.

    >>> [is_loopback(host) for host in ("localhost", "127.0.1.1", "[::1]", "127.0.0.1.example.com", "erp", "")]
    [True, True, True, False, False, False]
    """
    try:
        return host.lower() == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
