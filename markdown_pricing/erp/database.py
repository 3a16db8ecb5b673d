"""The ERP's database as a value: where it is, and the account that asks it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Engine

from markdown_pricing.erp.refresh import Receipt, last_receipts
from markdown_pricing.erp.tables import engine_for, ensure_tables
from markdown_pricing.errors import FinalError


@dataclass(frozen=True)
class Erp:
    """The database in which the pricing department reads recommendations and decides."""

    url: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    schema: str | None = None

    def not_connected(self) -> Engine:
        """Its engine, which connects to nothing yet. Raises BadErpUrl and MissingDriver."""
        return engine_for(self.url, self.user, self.password, self.schema)

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        """Connections for one piece of work, closed after it; the tables are made when there are none."""
        engine = self.not_connected()
        try:
            ensure_tables(engine)
            yield engine
        finally:
            engine.dispose()

    def why_not(self, write: Callable[[Engine], None]) -> str:
        """Write what lies on the lake as well; why that could not be done, and empty where it could.

        An ERP without tables for it is therefore no fault. Raises a TransientError.
        """
        engine = self.not_connected()
        try:
            write(engine)
        except FinalError as error:
            return str(error)
        finally:
            engine.dispose()
        return ""

    def last_receipts(self) -> dict[str, Receipt]:
        """Each country's newest receipt. Raises PricingError, within a minute, when the ERP does not tell.

        Nothing is made there, so that an account is enough which may only read.
        """
        engine = self.not_connected()
        try:
            return last_receipts(engine)
        finally:
            engine.dispose()
