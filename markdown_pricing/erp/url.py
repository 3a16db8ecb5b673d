"""The ERP's URL, taken apart: what it says is decided on its parts, because the same ERP has many spellings."""

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from markdown_pricing.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import URL

BACKENDS = ("postgresql", "sqlite")


class BadErpUrl(UsageError):
    """MARKDOWN_PRICING_ERP cannot be used. The message never holds the URL, because it may contain a password."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(
            f"MARKDOWN_PRICING_ERP {why}. Examples: postgresql://db.example.com:5432/erp, sqlite:////data/erp.sqlite; "
            f"user and password go into DB_USER and DB_PASSWORD."
        )


def parse_erp_url(text: str) -> "URL":
    """The URL of a PostgreSQL or of a SQLite file, whatever its driver and spelling. Raises BadErpUrl.

    An @ behind the question mark is part of an option, as it is for everybody but SQLAlchemy.
    """
    from sqlalchemy import make_url  # here: help needs no database
    from sqlalchemy.exc import ArgumentError

    place, mark, options = text.strip().partition("?")
    try:
        url = make_url(f"{place}{mark}{options.replace('@', '%40')}")
        backend = url.get_backend_name()
    except (ArgumentError, ValueError):  # a port that is no number is a ValueError
        raise BadErpUrl("is not a SQLAlchemy URL") from None
    if url.password is not None or "password" in url.query:
        raise BadErpUrl("holds a password")
    if backend not in BACKENDS:
        raise BadErpUrl("is neither PostgreSQL nor SQLite")
    if backend == "sqlite":
        _check_file(url)
    return url


def file_of(url: "URL") -> Path:
    """The file that a URL of SQLite names, by its path or by a URI of SQLite's own (https://www.sqlite.org/uri.html)."""
    name = str(url.database)
    is_uri = name.startswith("file:") and "uri" in url.query
    return Path(unquote(urlsplit(name).path)) if is_uri else Path(name)


def beside_production(url: "URL") -> "URL":
    """The SQLite file of a test beside production's. On PostgreSQL the database is the same, and the schema another."""
    if url.get_backend_name() != "sqlite":
        return url
    folder, slash, name = str(url.database).rpartition("/")
    return url.set(database=f"{folder}{slash}test-{name}")


def _check_file(url: "URL") -> None:
    """Raises BadErpUrl unless the URL names a file that the processes of a round can share."""
    if url.host or url.username:
        raise BadErpUrl("is SQLite with the name of a host: write sqlite:// and a third slash before the file's path")
    if not url.database or ":memory:" in url.database or url.query.get("mode") == "memory":
        raise BadErpUrl("names no file: the processes of a round share one SQLite file")
