"""What is said when the ERP does not let us: who is to do what, and never the password."""

import os
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, make_url

from markdown_pricing.erp import database
from markdown_pricing.erp.errors import ErpDenied, ErpLoginRefused, ErpUnreachable, erp_errors
from markdown_pricing.erp.refresh import last_receipts
from markdown_pricing.erp.rights import check_rights
from markdown_pricing.erp.tables import engine_for, ensure_tables
from markdown_pricing.errors import FinalError, PricingError, TransientError
from tests.erp.conftest import Erp
from tests.erp.samples import make_rows

PASSWORD = "s3cret-word"
PROJECT = Path(__file__).parents[2]


@pytest.fixture
def role(postgres_erp: Erp) -> Iterator[Callable[..., Erp]]:
    """Makes a role with a password and the rights given, and the ERP as that role sees it."""
    name = f"role_{make_url(postgres_erp.url).database}"
    ensure_tables(postgres_erp.engine)
    postgres_erp.replace()

    def make(*grants: str) -> Erp:
        postgres_erp.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
        postgres_erp.execute(*(f"GRANT {grant} TO {name}" for grant in grants))
        url = postgres_erp.url.replace(f"//{postgres_erp.user}@", "//")
        return Erp(url, name, PASSWORD, postgres_erp.server)

    yield make
    postgres_erp.execute(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def test_a_server_that_is_not_there_is_transient() -> None:
    """Connection refused, within seconds."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        engine = engine_for(f"postgresql://127.0.0.1:{port}/erp", "erp", PASSWORD)

        with pytest.raises(ErpUnreachable, match=rf"127\.0\.0\.1:{port}/erp.*refused") as error:
            last_receipts(engine)

    assert isinstance(error.value, TransientError)
    assert PASSWORD not in str(error.value)


@pytest.mark.timeout(30)
def test_a_server_that_does_not_answer_is_given_up_within_seconds() -> None:
    """It accepts the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        engine = engine_for(f"postgresql://127.0.0.1:{silent.getsockname()[1]}/erp?connect_timeout=2", "erp", PASSWORD)

        with pytest.raises(ErpUnreachable, match="timeout"):
            last_receipts(engine)


def test_a_host_that_is_unknown_is_transient() -> None:
    """A name server may be away as well."""
    with pytest.raises(ErpUnreachable, match=r"erp\.invalid"):
        last_receipts(engine_for("postgresql://erp.invalid/erp", "erp", PASSWORD))


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ('connection failed: FATAL:  password authentication failed for user "pricing"', ErpLoginRefused),
        ('connection failed: FATAL:  SCRAM authentication failed for user "pricing"', ErpLoginRefused),
        ("connection failed: fe_sendauth: no password supplied", ErpDenied),
        ('connection failed: FATAL:  role "pricing" does not exist', ErpDenied),
        ('connection failed: FATAL:  role "pricing" is not permitted to log in', ErpDenied),
        ('connection failed: FATAL:  no pg_hba.conf entry for host "10.0.0.1"', ErpDenied),
        ("connection failed: Connection refused", ErpUnreachable),
    ],
)
def test_a_password_that_is_refused_may_be_rotated_and_the_rest_of_a_refused_login_stays(
    said: str, kind: type[Exception]
) -> None:
    """A run that starts while the password is changed has the old one; its retry reads the secret store anew."""
    engine = create_engine("postgresql+psycopg://pricing@erp.invalid/erp")
    with pytest.raises(kind) as error, erp_errors(engine):
        raise psycopg.OperationalError(said)

    assert isinstance(error.value, FinalError if kind is ErpDenied else TransientError)


def test_a_wrong_password_is_told(role: Callable[..., Erp]) -> None:
    """The message names the setting to check, and no password."""
    erp = role()
    engine = engine_for(erp.url, erp.user, "wrong-" + PASSWORD)

    with pytest.raises(ErpLoginRefused, match=r"password authentication failed.*DB_PASSWORD") as error:
        last_receipts(engine)

    assert PASSWORD not in f"{error.value} {error.value.__cause__}"


def test_no_password_is_final(role: Callable[..., Erp]) -> None:
    """The same for an empty DB_PASSWORD."""
    erp = role()

    with pytest.raises(ErpDenied, match=r"no password supplied.*DB_PASSWORD"):
        last_receipts(engine_for(erp.url, erp.user, ""))


def test_a_wrong_database_is_final(postgres_erp: Erp) -> None:
    """The message names it."""
    typo = make_url(postgres_erp.url).set(database="erp_typo").render_as_string()
    engine = engine_for(typo, postgres_erp.user, postgres_erp.password)

    with pytest.raises(ErpDenied, match=r"_typo.*does not exist"):
        ensure_tables(engine)


def test_a_role_that_may_only_read_is_told_which_grants_lack(role: Callable[..., Erp], postgres_erp: Erp) -> None:
    """The old rows stay; run as printed, the statements help."""
    tables = "markdown_recommendations, markdown_price_path, markdown_options, markdown_refreshes"
    erp = role(f"SELECT ON {tables}")
    before = postgres_erp.everything()

    with pytest.raises(ErpDenied) as error:
        erp.replace(make_rows(articles=2), run_id="run-2")

    assert error.value.grants == (
        f"GRANT INSERT, DELETE ON public.markdown_recommendations TO {erp.user};",
        f"GRANT INSERT, DELETE ON public.markdown_price_path TO {erp.user};",
        f"GRANT INSERT, DELETE ON public.markdown_options TO {erp.user};",
        f"GRANT INSERT ON public.markdown_refreshes TO {erp.user};",
    )
    assert all(grant in str(error.value) for grant in error.value.grants)
    assert PASSWORD not in f"{error.value} {error.value.__cause__}"
    assert postgres_erp.everything() == before

    postgres_erp.execute(*error.value.grants)
    assert erp.replace(make_rows(articles=2), run_id="run-2").articles == 2


def test_who_may_only_read_the_receipts_can_look_them_up(role: Callable[..., Erp], postgres_erp: Erp) -> None:
    """The code server's account; nothing is made for it, and before the first refresh there is nothing to read."""
    reader = role("SELECT ON markdown_refreshes")
    looks = database.Erp(reader.url, reader.user, reader.password)

    assert looks.last_receipts()["DEU"].run_id == "run-1"

    tables = "markdown_recommendations, markdown_price_path, markdown_options, markdown_refreshes"
    postgres_erp.execute(f"DROP TABLE {tables} CASCADE")
    assert looks.last_receipts() == {}


def test_a_role_that_may_not_create_is_told_so(role: Callable[..., Erp], postgres_erp: Erp) -> None:
    """Tables or schema: the one GRANT that it takes."""
    erp = role()
    postgres_erp.execute(
        "DROP TABLE markdown_recommendations, markdown_price_path, markdown_options, markdown_refreshes CASCADE"
    )
    database = make_url(erp.url).database

    with pytest.raises(ErpDenied) as error:
        ensure_tables(erp.engine)
    assert error.value.grants == (f"GRANT CREATE ON SCHEMA public TO {erp.user};",)

    with pytest.raises(ErpDenied) as error:
        ensure_tables(engine_for(erp.url, erp.user, erp.password, schema="markdown_test"))
    assert error.value.grants == (f"GRANT CREATE ON DATABASE {database} TO {erp.user};",)


def test_a_schema_that_may_not_be_used_is_named(role: Callable[..., Erp], postgres_erp: Erp) -> None:
    """The statements that help grant the rights on the tables in it, too."""
    erp = role()
    owner = engine_for(postgres_erp.url, postgres_erp.user, postgres_erp.password, schema="priced")
    ensure_tables(owner)

    findings = check_rights(engine_for(erp.url, erp.user, erp.password, schema="priced"))

    remedy = findings[2].says
    assert f"GRANT USAGE ON SCHEMA priced TO {erp.user};" in remedy
    assert f"GRANT SELECT, INSERT, DELETE ON priced.markdown_price_path TO {erp.user};" in remedy


def test_tables_outside_the_default_schema_are_found_by_the_search_path(
    role: Callable[..., Erp], postgres_erp: Erp
) -> None:
    """The remedy names the schema that they are in."""
    erp = role("USAGE ON SCHEMA public")
    postgres_erp.execute("CREATE SCHEMA aside", f"GRANT USAGE ON SCHEMA aside TO {erp.user}")
    postgres_erp.execute(f"ALTER ROLE {erp.user} SET search_path = aside, public")

    remedy = check_rights(erp.engine)[2].says

    assert f"GRANT SELECT, INSERT, DELETE ON public.markdown_recommendations TO {erp.user};" in remedy


def test_a_denial_that_no_grant_cures_says_so(role: Callable[..., Erp], postgres_erp: Erp) -> None:
    """Row-level security comes with the same code as a missing right."""
    tables = "markdown_recommendations, markdown_price_path, markdown_options, markdown_refreshes"
    erp = role(f"SELECT, INSERT, DELETE ON {tables}")
    postgres_erp.execute("ALTER TABLE markdown_recommendations ENABLE ROW LEVEL SECURITY")

    with pytest.raises(ErpDenied, match=r"row-level security.*look at it") as error:
        erp.replace(run_id="run-2")

    assert error.value.grants == ()


def test_all_is_well(erp: Erp) -> None:
    """Connection, tables, rights; the tables are read, nothing is changed."""
    erp.replace()
    before = erp.everything()

    findings = check_rights(erp.engine)

    assert [(finding.what.split(" ")[0], finding.ok) for finding in findings[:3]] == [
        ("connection", True),
        ("tables", True),
        ("rights", True),
    ]
    assert erp.everything() == before


def test_the_least_rights_of_the_docs_are_enough_and_no_more(postgres_erp: Erp, role: Callable[..., Erp]) -> None:
    """Its statements, run as they stand: the doctor is content, a refresh succeeds."""
    erp = role()
    [statements] = re.findall(r"```sql\n(.*?)```", (PROJECT / "docs/reliability.md").read_text(), re.DOTALL)
    postgres_erp.execute(*re.sub(r"--.*", "", statements).replace(" pricing;", f" {erp.user};").split(";\n")[:-1])

    findings = check_rights(erp.engine)

    assert [finding.says for finding in findings if not finding.ok] == []
    assert erp.replace(make_rows(articles=2), run_id="run-2").articles == 2


def test_an_account_that_may_touch_more_than_its_tables_is_told_what_to_take_away(
    postgres_erp: Erp, role: Callable[..., Erp]
) -> None:
    """Tables of others, by its own right or everybody's; run as printed, the statements help."""
    erp = role(
        "SELECT, INSERT, DELETE ON markdown_recommendations, markdown_price_path, markdown_options, markdown_refreshes"
    )
    postgres_erp.execute("CREATE TABLE orders (n int)", "CREATE TABLE stores (n int)", "CREATE TABLE secret (n int)")
    postgres_erp.execute(f"GRANT UPDATE ON orders TO {erp.user}", "GRANT SELECT ON stores TO PUBLIC")
    postgres_erp.execute(f"ALTER ROLE {erp.user} CREATEDB")

    remedy = check_rights(erp.engine)[3].says

    revokes = remedy.splitlines()[1:]
    assert [revoke.strip() for revoke in revokes] == [
        f"REVOKE ALL ON public.orders FROM {erp.user};",
        "REVOKE ALL ON public.stores FROM PUBLIC;",
        f"ALTER ROLE {erp.user} NOCREATEDB;",
    ]
    postgres_erp.execute(*revokes)
    assert check_rights(erp.engine)[3].ok


def test_a_view_that_the_account_may_not_make_is_the_owners_and_holds_no_refresh_up(
    postgres_erp: Erp, role: Callable[..., Erp]
) -> None:
    """As after an upgrade; the doctor prints the statement, which helps as it stands."""
    erp = role(
        "SELECT, INSERT, DELETE ON markdown_recommendations, markdown_price_path, markdown_options, markdown_refreshes"
    )
    postgres_erp.execute("DROP VIEW markdown_status")
    ensure_tables(erp.engine)
    assert erp.replace(make_rows(articles=2), run_id="run-2").articles == 2

    [remedy] = [finding.says for finding in check_rights(erp.engine) if finding.what == "view markdown_status"]
    postgres_erp.execute(remedy.partition("\n")[2])

    assert "view markdown_status" not in [finding.what for finding in check_rights(erp.engine)]
    assert [row.articles for row in postgres_erp.read("SELECT articles FROM markdown_status")] == [2]


def test_a_superuser_is_no_account_for_the_prices(postgres_erp: Erp) -> None:
    """No REVOKE would bind it."""
    finding = check_rights(postgres_erp.engine)[3]

    assert not finding.ok
    assert "is a superuser" in finding.says


def test_tables_that_the_first_run_will_make_are_well(postgres_erp: Erp) -> None:
    """They are named, and not made."""
    findings = check_rights(postgres_erp.engine)

    assert all(finding.ok for finding in findings[:3])
    assert "markdown_refreshes will be created" in findings[1].what
    assert postgres_erp.read("SELECT 1 FROM pg_tables WHERE tablename LIKE 'markdown%'") == []


def test_a_file_that_the_first_run_will_make_is_well(sqlite_erp: Erp) -> None:
    """Looking makes neither the file nor its folder."""
    findings = check_rights(sqlite_erp.engine)

    file = Path(sqlite_erp.url.removeprefix("sqlite:///"))
    assert [finding.ok for finding in findings] == [True]
    assert not file.parent.exists()


def test_columns_that_lack_are_a_finding(erp: Erp) -> None:
    """The finding has the ALTER TABLE statement that adds them."""
    erp.execute("ALTER TABLE markdown_price_path DROP COLUMN price")

    tables = check_rights(erp.engine)[1]

    assert not tables.ok
    assert "ALTER TABLE markdown_price_path ADD COLUMN price NUMERIC(14, 2);" in tables.says


def test_a_server_that_is_away_is_a_finding() -> None:
    """One line, no exception."""
    engine = engine_for("postgresql://127.0.0.1:1/erp", "erp", PASSWORD)

    findings = check_rights(engine)

    assert [finding.ok for finding in findings] == [False]
    assert "refused" in findings[0].says
    assert PASSWORD not in str(findings)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become another user")
def test_a_file_of_another_user_is_denied(sqlite_erp: Erp) -> None:
    """Neither the doctor nor a refresh needs root to see it."""
    ensure_tables(sqlite_erp.engine)
    file = Path(sqlite_erp.url.removeprefix("sqlite:///"))
    for folder in file.parents:
        if folder.owner() == "root" and folder.stat().st_mode & 0o777 == 0o700:
            folder.chmod(0o755)
    file.chmod(0o644)
    errors: list[PricingError] = []
    os.seteuid(65534)
    try:
        rights = check_rights(sqlite_erp.engine)
        with pytest.raises(ErpDenied, match="write the file and its folder") as error:
            sqlite_erp.replace()
        errors.append(error.value)
    finally:
        os.seteuid(0)

    assert not rights[-1].ok
    assert str(file) in str(errors[0])
