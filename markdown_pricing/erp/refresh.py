"""One country, one transaction, a receipt; late writers are refused."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection, Engine, Select, Table, delete, func, select

from markdown_pricing.erp.errors import ErpInterrupted, erp_errors
from markdown_pricing.erp.insert import insert
from markdown_pricing.erp.locks import lock
from markdown_pricing.erp.rows import CountryRows, country_rows
from markdown_pricing.erp.space import reclaim
from markdown_pricing.erp.tables import price_path, recommendations, refreshes
from markdown_pricing.erp.values import arrow_schema
from markdown_pricing.errors import FinalError

PAUSES_S = (1.0, 4.0, 15.0)
"""Between the attempts of a refresh that was interrupted: a deadlock is over at once, a failover takes seconds."""


@dataclass(frozen=True)
class Receipt:
    """What one refresh did; one row of markdown_refreshes."""

    country: str
    week: date
    run_id: str
    launched_at: datetime
    articles: int
    previous_articles: int
    total_expected_revenue: Decimal
    content_hash: str
    refreshed_at: datetime


class NewerWeekInErp(FinalError):
    def __init__(self, week: date, newest: Receipt) -> None:
        self.newest = newest
        super().__init__(
            f"{newest.country}, week {week} was not written: the ERP already holds week {newest.week} "
            f"(run {newest.run_id}). Nothing was changed, and nothing need be done: a newer week is never overwritten."
        )


class LaterRunInErp(FinalError):
    def __init__(self, week: date, run_id: str, launched_at: datetime, newest: Receipt) -> None:
        self.newest = newest
        super().__init__(
            f"{newest.country}, week {week}: run {run_id}, launched at {launched_at.isoformat()}, was not written: "
            f"run {newest.run_id}, launched later, at {newest.launched_at.isoformat()}, has written that week already. "
            f"Nothing was changed. Launch a new run if this one's prices are wanted."
        )


def utc_now() -> datetime:
    return datetime.now(UTC)


def replace_country(
    engine: Engine,
    *,
    week: date,
    country: str,
    run_id: str,
    launched_at: datetime,
    rows: pd.DataFrame,
    path: pd.DataFrame,
    now: Callable[[], datetime] = utc_now,
    pause: Callable[[float], None] = time.sleep,
) -> Receipt:
    """Replace the country's rows of both tables in one transaction; a reader sees the old set or the new one.

    rows, path   frames with the columns of markdown_recommendations and markdown_price_path
    launched_at  when the orchestrator created the run, with its time zone
    now          is asked last, when all but the receipt is written
    pause        waits so many seconds before a refresh that was interrupted is tried again
    returns the receipt; a run that has refreshed this country and week before gets the one it got then
    raises EmptySet, BadRows, NewerWeekInErp, LaterRunInErp, ErpRefused, ErpDenied: nothing was changed;
    ErpUnreachable, ErpLoginRefused: it may be tried again, under the same run_id, whatever became of the first attempt
    """
    if launched_at.tzinfo is None:
        raise ValueError("launched_at needs its time zone")
    taken = country_rows(rows, path, week=week, country=country, run_id=run_id)
    digest = taken.content_hash()

    def attempt() -> Receipt:
        with erp_errors(engine), engine.begin() as connection:
            lock(connection, country)
            if receipt := _receipt(
                connection, _receipts(country).where(refreshes.c.week == week, refreshes.c.run_id == run_id)
            ):
                return receipt
            _refuse_late_writer(_receipt(connection, _receipts(country)), week, run_id, launched_at)
            previous = _replace_rows(connection, country, taken)
            receipt = Receipt(
                country=country,
                week=week,
                run_id=run_id,
                launched_at=launched_at.astimezone(UTC),
                articles=len(taken.recommendations),
                previous_articles=previous,
                total_expected_revenue=taken.total_expected_revenue,
                content_hash=digest,
                refreshed_at=now().astimezone(UTC),
            )
            connection.execute(refreshes.insert(), asdict(receipt))
        return receipt

    receipt = _unless_interrupted(attempt, pause)
    reclaim(engine)
    return receipt


def last_receipt(engine: Engine, country: str) -> Receipt | None:
    """The receipt of the rows that the country has now; None when it was never refreshed."""
    with erp_errors(engine), engine.connect() as connection:
        return _receipt(connection, _receipts(country))


def newest_week(engine: Engine, country: str) -> date | None:
    """The week of the rows that the country has now; None when it was never refreshed."""
    receipt = last_receipt(engine, country)
    return receipt.week if receipt else None


def content_hash(engine: Engine, country: str) -> str:
    """The content_hash of what the country's rows say now, from both tables as they stood at one moment."""
    with erp_errors(engine), engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
        else:
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        return CountryRows.of(
            _read(connection, recommendations, country), _read(connection, price_path, country)
        ).content_hash()


def _unless_interrupted(attempt: Callable[[], Receipt], pause: Callable[[float], None]) -> Receipt:
    """Each attempt first looks for its receipt, under the lock that the one before held until it was over.

    So a commit whose answer was lost is neither repeated nor taken for a failure.
    """
    for seconds in PAUSES_S:
        try:
            return attempt()
        except ErpInterrupted:
            pause(seconds)
    return attempt()


def _replace_rows(connection: Connection, country: str, taken: CountryRows) -> int:
    """How many articles the country had before."""
    previous = connection.scalar(select(func.count()).where(recommendations.c.country == country)) or 0
    for table, rows in ((price_path, taken.price_path), (recommendations, taken.recommendations)):
        connection.execute(delete(table).where(table.c.country == country))
        insert(connection, table, rows)
    return previous


def _refuse_late_writer(newest: Receipt | None, week: date, run_id: str, launched_at: datetime) -> None:
    if newest and newest.week > week:
        raise NewerWeekInErp(week, newest)
    if newest and newest.week == week and newest.launched_at > launched_at:
        raise LaterRunInErp(week, run_id, launched_at, newest)


def _receipts(country: str) -> Select[Any]:
    """The country's receipts, newest first."""
    newest_first = (refreshes.c.week.desc(), refreshes.c.launched_at.desc(), refreshes.c.refreshed_at.desc())
    columns = [refreshes.c[field.name] for field in fields(Receipt)]
    return select(*columns).where(refreshes.c.country == country).order_by(*newest_first).limit(1)


def _receipt(connection: Connection, query: Select[Any]) -> Receipt | None:
    row = connection.execute(query).one_or_none()
    return Receipt(*row) if row else None


def _read(connection: Connection, table: Table, country: str) -> pa.Table:
    found = connection.execute(select(table).where(table.c.country == country))
    return pa.Table.from_pylist([dict(row) for row in found.mappings()], arrow_schema(table))
