"""Replace one country's rows in one transaction, with a receipt. An older week never overwrites a newer one."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, Select, delete, func, null, select, text

from markdown_pricing.columns import Recommendations
from markdown_pricing.erp.errors import ErpInterrupted, erp_errors, where_is
from markdown_pricing.erp.insert import insert
from markdown_pricing.erp.locks import lock, look_briefly
from markdown_pricing.erp.plain_tables import keep_what_they_are_given
from markdown_pricing.erp.read_back import OtherRowsInErp, check_taken, read_rows
from markdown_pricing.erp.rows import CountryRows, country_rows
from markdown_pricing.erp.space import reclaim
from markdown_pricing.erp.tables import NEWEST_FIRST, columns_of, options, price_path, recommendations, refreshes
from markdown_pricing.errors import FinalError
from markdown_pricing.weeks import CLOCKS_MAY_DIFFER

WITH_OPTIONS = 2
"""What `hashed` says of a content hash that is over the options, too."""
PAUSES_S = (1.0, 4.0, 15.0)
"""The pauses between attempts of an interrupted refresh. A deadlock is over at once, and a failover takes seconds."""


@dataclass(frozen=True)
class Receipt:
    """What one refresh has done: a row of markdown_refreshes."""

    country: str
    week: date
    run_id: str
    launched_at: datetime
    articles: int
    previous_articles: int
    total_expected_revenue: Decimal
    content_hash: str
    refreshed_at: datetime
    hashed: int | None = WITH_OPTIONS


@dataclass(frozen=True)
class Held:
    """The newest week that the ERP has of a country, by its receipts or by its rows, and the run that wrote it."""

    week: date
    run_id: str


_RECEIPT_COLUMNS = [refreshes.c[field.name] for field in fields(Receipt)]
_NEWEST_FIRST = tuple(refreshes.c[column].desc() for column in NEWEST_FIRST)


class NewerWeekInErp(FinalError):
    def __init__(self, week: date, country: str, held: Held) -> None:
        self.held = held
        super().__init__(
            f"{country}, week {week} was not written: the ERP already holds week {held.week} "
            f"(run {held.run_id}). Nothing was changed, and nothing need be done: a newer week is never overwritten."
        )


class LaunchedInTheFuture(FinalError):
    """Such a run would shut out every right correction until the ERP's clock has caught up with it."""

    def __init__(
        self, week: date, country: str, run_id: str, launched_at: datetime, erp: datetime, own: datetime
    ) -> None:
        minutes = (launched_at - erp).total_seconds() / 60
        wrong = (
            "The ERP's clock is slow: this run's own machine agrees with the one that created the run. "
            "Set the clock of the ERP's database server by NTP"
            if launched_at - own <= CLOCKS_MAY_DIFFER
            else "The clock that stamped the run is fast: this run's own machine is behind it, too. "
            "Set the clock of Dagster's database, which stamps it, by NTP and its sessions to UTC (docs/operations.md)"
        )
        super().__init__(
            f"{country}, week {week}: run {run_id} was not written: it was created at {launched_at.isoformat()}, "
            f"{minutes:,.0f} minutes ahead of the ERP's clock ({erp.isoformat()}). Nothing was changed. {wrong}, "
            f"then launch a new run."
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
    recommended: Recommendations,
    *,
    week: date,
    country: str,
    run_id: str,
    launched_at: datetime,
    now: Callable[[], datetime] = utc_now,
    pause: Callable[[float], None] = time.sleep,
) -> Receipt:
    """Replace the country's rows in one transaction, so that a reader sees the old set or the new one.

    launched_at  when the orchestrator created the run, with its time zone
    now          is asked last, when all but the receipt is written
    pause        waits so many seconds before a refresh that was interrupted is tried again
    returns the receipt; a run that has refreshed this country and week before gets the one it got then
    raises EmptySet, BadRows, NewerWeekInErp, LaterRunInErp, LaunchedInTheFuture, ErpRefused, ErpDenied: nothing was
    changed; OtherRowsInErp, an ErpRefused, when the tables would hold other rows than these;
    ErpUnreachable, ErpLoginRefused: it may be tried again, under the same run_id, whatever became of the first attempt
    """
    if launched_at.tzinfo is None:
        raise ValueError("launched_at needs its time zone")
    taken = country_rows(recommended, week=week, country=country, run_id=run_id)

    def attempt() -> Receipt:
        with erp_errors(engine), engine.begin() as connection:
            lock(connection, country)
            own = _receipts(country).where(refreshes.c.week == week, refreshes.c.run_id == run_id)
            if receipt := _receipt(connection, own):
                return receipt
            if (erp_time := database_time(connection)) + CLOCKS_MAY_DIFFER < launched_at:
                raise LaunchedInTheFuture(week, country, run_id, launched_at, erp_time, utc_now())
            _refuse_late_writer(connection, week, country, run_id, launched_at)
            previous = _replace_rows(connection, country, taken)
            receipt = Receipt(
                country=country,
                week=week,
                run_id=run_id,
                launched_at=launched_at.astimezone(UTC),
                articles=len(taken.recommendations),
                previous_articles=previous,
                total_expected_revenue=taken.total_expected_revenue,
                content_hash=beside.result(),
                refreshed_at=now().astimezone(UTC),
            )
            connection.execute(refreshes.insert(), asdict(receipt))
            _read_back(connection, taken, receipt, own)
        return receipt

    with ThreadPoolExecutor(max_workers=1) as thread:
        # While the database takes the rows, nothing else is to be done here.
        beside = thread.submit(taken.content_hash)
        receipt = _unless_interrupted(attempt, pause)
    reclaim(engine)
    return receipt


def last_receipts(engine: Engine) -> dict[str, Receipt]:
    """The newest receipt of each country that was ever refreshed; a table that is locked is waited for some seconds.

    Before the first refresh there is no table, and no receipt.
    """
    place = func.row_number().over(partition_by=refreshes.c.country, order_by=_NEWEST_FIRST).label("place")
    with erp_errors(engine), engine.begin() as connection:
        look_briefly(connection)
        there = columns_of(connection).get(refreshes.name)
        if there is None:
            return {}
        # This may be asked of the tables of the version before, which the first refresh is going to change.
        known = [own if own.name in there else null().label(own.name) for own in _RECEIPT_COLUMNS]
        ranked = select(*known, place).subquery()
        newest = select(*(ranked.c[column.name] for column in _RECEIPT_COLUMNS)).where(ranked.c.place == 1)
        return {row.country: Receipt(*row) for row in connection.execute(newest)}


def newest_refreshed_week(engine: Engine, country: str) -> date | None:
    """The newest week that the country has, by its receipts or, where they are gone, by its rows; None without any."""
    with erp_errors(engine), engine.connect() as connection:
        held = _held(connection, country)
    return held.week if held else None


def content_hash(engine: Engine, country: str) -> str:
    """The content_hash of the country's rows as they are now, with all tables read at the same moment."""
    with erp_errors(engine), engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
        else:
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        tables = (read_rows(connection, table, country) for table in (recommendations, price_path, options))
        return CountryRows.of(*tables).content_hash()


def _unless_interrupted(attempt: Callable[[], Receipt], pause: Callable[[float], None]) -> Receipt:
    """Repeat an attempt that was interrupted, after the pauses.

    Each attempt first looks for its receipt, under the lock that the attempt before held until it was over. A commit
    whose answer was lost is therefore neither repeated nor taken for a failure.
    """
    for seconds in PAUSES_S:
        try:
            return attempt()
        except ErpInterrupted:
            pause(seconds)
    return attempt()


def _replace_rows(connection: Connection, country: str, taken: CountryRows) -> int:
    """Replace the rows; return how many articles the country had before."""
    previous = connection.scalar(select(func.count()).where(recommendations.c.country == country)) or 0
    for table, rows in taken.by_table():
        connection.execute(delete(table).where(table.c.country == country))
        insert(connection, table, rows)
    return previous


def _read_back(connection: Connection, taken: CountryRows, receipt: Receipt, query: Select[Any]) -> None:
    """Refuse the refresh when the database holds other rows than were written, or not their receipt."""
    if keep_what_they_are_given(connection):
        return
    if connection.dialect.name == "postgresql":
        # A trigger that is deferred would otherwise change the rows at the commit.
        connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    for table, rows in taken.by_table():
        check_taken(connection, table, receipt.country, rows)
    held = _receipt(connection, query)
    if held is None or held.content_hash != receipt.content_hash:
        raise OtherRowsInErp(where_is(connection.engine), refreshes.name, "the receipt is missing or another")


def _refuse_late_writer(connection: Connection, week: date, country: str, run_id: str, launched_at: datetime) -> None:
    held = _held(connection, country)
    if held and held.week > week:
        raise NewerWeekInErp(week, country, held)
    newest = _receipt(connection, _receipts(country))
    if newest and newest.week == week and newest.launched_at > launched_at:
        raise LaterRunInErp(week, run_id, launched_at, newest)


def _held(connection: Connection, country: str) -> Held | None:
    """The newer of the week in the receipts and the week in the rows. They can differ after a restore."""
    newest_of_each = []
    for table in (refreshes, recommendations):
        newest_first = (table.c.week.desc(), table.c.run_id)
        newest = select(table.c.week, table.c.run_id).where(table.c.country == country).order_by(*newest_first).limit(1)
        if row := connection.execute(newest).one_or_none():
            newest_of_each.append(Held(*row))
    return max(newest_of_each, key=lambda held: held.week, default=None)


def database_time(connection: Connection) -> datetime:
    """What the clock of the ERP's machine says."""
    if connection.dialect.name == "sqlite":
        said = connection.scalar(text("SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')"))
        return datetime.fromisoformat(str(said))
    moment: datetime = connection.scalar(text("SELECT clock_timestamp()"))
    return moment.astimezone(UTC)


def _receipts(country: str) -> Select[Any]:
    """The country's receipts, newest first."""
    return select(*_RECEIPT_COLUMNS).where(refreshes.c.country == country).order_by(*_NEWEST_FIRST).limit(1)


def _receipt(connection: Connection, query: Select[Any]) -> Receipt | None:
    row = connection.execute(query).one_or_none()
    return Receipt(*row) if row else None
