"""How the connection to a PostgreSQL is kept from being read or answered by somebody else.

`sslmode` in its URL wins. Without it the server must show a certificate of a known CA for the very host that the URL
names. Nothing is asked of this machine itself, nor of a socket, where no network lies between.
"""

import re
import ssl
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import URL

from markdown_pricing.errors import FinalError
from markdown_pricing.metronome.loopback import is_loopback

PARAMETERS = "`sslmode` and `sslrootcert` in MARKDOWN_PRICING_ERP"
_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
"""Where Debian and Red Hat keep their CAs. libpq's own word `system` does not find them, because the OpenSSL inside the
drivers' wheels looks below the folder in which it was built."""

_PORT = re.compile(r"(?<!:):\d+$")
"""The port behind a host: of two colons neither begins one."""

# What libpq says of it (fe-connect.c, fe-secure-common.c and fe-secure-openssl.c).
_SAID = (
    "server does not support SSL",
    "certificate verify failed",
    "root certificate file",
    "server certificate for",
    "server's certificate",
    "sslmode",
)


class ErpNotTrusted(FinalError):
    """Nothing was sent: TLS comes before the log-in."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(
            f"There is no TLS that can be trusted to the ERP at {where}: {why}. {PARAMETERS} say what is asked of the "
            f"server: verify-full by default, with a certificate of one of the system's CAs or of the file that "
            f"sslrootcert names. The password was not sent (docs/security.md)."
        )


def tls_of(url: URL) -> dict[str, str]:
    """The parameters that are missing in the URL of a PostgreSQL, so that its connection is as safe as it has to be.

    >>> from sqlalchemy import make_url
    >>> tls_of(make_url("postgresql://localhost/erp"))
    {'sslmode': 'disable'}
    """
    if "sslmode" not in url.query:
        hosts = list(_hosts(url))
        if hosts and all(host.startswith(("/", "@")) or is_loopback(host) for host in hosts):
            return {"sslmode": "disable"}
        return {"sslmode": "verify-full", **_root(url)}
    return _root(url) if str(url.query["sslmode"]).startswith("verify-") else {}


def is_distrust(why: str) -> bool:
    """Whether this is what is said when client and server do not agree on TLS."""
    return any(words in why for words in _SAID)


def _hosts(url: URL) -> Iterator[str]:
    """Every host or socket that may be connected to; none where the URL names none and libpq's own variables may.

    SQLAlchemy takes several from the query, as `host=a:5432&host=b:5432`. An address there is what is connected to,
    whatever the host is called.
    """
    named = url.query.get("hostaddr") or url.query.get("host")
    if named is None:
        yield from (url.host,) if url.host else ()
        return
    for several in (named,) if isinstance(named, str) else named:
        for host in several.split(","):
            yield _PORT.sub("", host)


def _root(url: URL) -> dict[str, str]:
    if "sslrootcert" in url.query:
        return {}
    known = (ssl.get_default_verify_paths().cafile, *_BUNDLES)
    return {"sslrootcert": next((file for file in known if file and Path(file).is_file()), "system")}
