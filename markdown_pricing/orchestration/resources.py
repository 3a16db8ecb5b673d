"""The lake, the ERP and the choice of model as Dagster sees them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import dagster as dg
from pydantic import Field
from sqlalchemy import Engine

from markdown_pricing.erp.refresh import Receipt, last_receipts
from markdown_pricing.erp.tables import engine_for, ensure_tables


@dataclass(frozen=True)
class Erp:
    """Where the pricing department reads and decides. A plain value: Dagster shows none of it."""

    url: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    schema: str | None = None

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        """Connections for one piece of work, closed after it; the tables are made when there are none."""
        engine = engine_for(self.url, self.user, self.password, self.schema)
        try:
            ensure_tables(engine)
            yield engine
        finally:
            engine.dispose()

    def last_receipts(self) -> dict[str, Receipt]:
        """Each country's newest receipt. Raises PricingError, within a minute, when the ERP does not tell."""
        with self.engine() as engine:
            return last_receipts(engine)


class DemandTraining(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Which demand model is trained, and how; can be changed for one run in the launchpad."""

    model: str = Field(description="A model by name, or package.module:Class for one of your own.")
    follow_champion: bool = Field(False, description="Whether a promoted champion is trained in its place.")
    seed: int = Field(description="Seed of every random choice; the same seed gives the same prices.")
    threads: int = Field(description="Threads that training may use.")
