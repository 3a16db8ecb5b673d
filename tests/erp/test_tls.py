"""Nobody between us and the ERP reads along, and nobody answers in its place."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import yaml  # type: ignore[import-untyped]
from dagster_postgres.utils import pg_url_from_config
from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.exc import OperationalError

from markdown_pricing import DATA
from markdown_pricing.erp import tls
from markdown_pricing.erp.errors import ErpDenied, erp_errors
from markdown_pricing.erp.tables import engine_for, ensure_tables
from markdown_pricing.erp.tls import ErpNotTrusted, tls_of
from markdown_pricing.errors import FinalError
from tests.postgres.certificates import Authority
from tests.postgres.server import PostgresMissing, PostgresServer, postgres_server
from tests.real_parts import missing

HOST, PASSWORD = "localhost", "s3cret-word"
IS_ENCRYPTED = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"


@dataclass(frozen=True)
class Site:
    """A PostgreSQL with a certificate for `localhost` of a CA of its own, and another CA."""

    server: PostgresServer
    ca: Path
    other_ca: Path

    def engine(self, host: str, **query: str) -> Engine:
        """As an operator's URL with that host and query makes it."""
        return engine_for(make_url(self.server.url).set(host=host, query=query).render_as_string(), None, PASSWORD)

    def is_encrypted(self, **query: str) -> bool:
        """Whether a connection is, once it is made."""
        with self.engine(HOST, **query).connect() as connection:
            return bool(connection.exec_driver_sql(IS_ENCRYPTED).scalar())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("certificates")
    ca, other = Authority(folder, "ca"), Authority(folder, "other")
    try:
        with postgres_server(certificate=ca.certify(HOST)) as server:
            yield Site(server, ca.ca_file, other.ca_file)
    except PostgresMissing as why:
        missing("PostgreSQL", str(why))


@pytest.fixture
def as_from_afar(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's own server counts as one behind a network."""
    monkeypatch.setattr(tls, "is_loopback", lambda host: False)


@pytest.mark.usefixtures("as_from_afar")
def test_a_server_with_a_certificate_of_the_known_ca_is_spoken_to_encrypted(site: Site) -> None:
    """Without `sslmode`: it is verify-full."""
    assert site.is_encrypted(sslrootcert=str(site.ca))


@pytest.mark.usefixtures("as_from_afar")
@pytest.mark.parametrize("which", ["another CA", "the system's CAs", "another host", "no such file"])
def test_a_server_that_cannot_show_who_it_is_is_refused(site: Site, tmp_path: Path, which: str) -> None:
    roots = {"another CA": site.other_ca, "another host": site.ca, "no such file": tmp_path / "none.pem"}
    query = {"sslrootcert": str(roots[which])} if which in roots else {}

    with pytest.raises(ErpNotTrusted, match=r"`sslmode` and `sslrootcert`.*password was not sent") as error:
        ensure_tables(site.engine("127.0.0.1" if which == "another host" else HOST, **query))

    assert isinstance(error.value, FinalError)
    assert PASSWORD not in str(error.value)


@pytest.mark.usefixtures("as_from_afar")
def test_a_server_without_tls_is_refused(postgres: PostgresServer) -> None:
    url = make_url(postgres.url).set(query={}).render_as_string()

    with pytest.raises(ErpNotTrusted, match=r"does not support SSL.*`sslmode` and `sslrootcert`"):
        ensure_tables(engine_for(url, None, PASSWORD))


def test_this_machine_itself_is_spoken_to_plainly(site: Site) -> None:
    assert not site.is_encrypted()


def test_sslmode_in_the_url_wins(site: Site) -> None:
    assert site.is_encrypted(sslmode="require")
    assert site.is_encrypted(sslmode="verify-full", sslrootcert=str(site.ca))
    with pytest.raises(ErpNotTrusted):
        ensure_tables(site.engine(HOST, sslmode="verify-full"))


@pytest.mark.parametrize("is_ours", [True, False])
def test_dagsters_storage_is_spoken_to_the_same_way(site: Site, is_ours: bool) -> None:
    """By its own driver, with what the dagster.yaml that we hand out says."""
    config = yaml.safe_load((DATA / "dagster.kubernetes.yaml").read_text())["storage"]["custom"]["config"][
        "postgres_db"
    ]
    params = config["params"] | {"sslrootcert": str(site.ca if is_ours else site.other_ca)}
    to = {"hostname": HOST, "port": make_url(site.server.url).port, "username": site.server.user, "password": PASSWORD}
    engine = create_engine(
        pg_url_from_config({"postgres_db": {**config, **to, "db_name": "postgres", "params": params}})
    )

    if not is_ours:
        with pytest.raises(OperationalError, match="certificate verify failed"):
            engine.connect()
        return
    with engine.connect() as connection:
        assert connection.exec_driver_sql(IS_ENCRYPTED).scalar()


def test_a_server_that_wants_tls_and_is_not_asked_for_it_is_told_so() -> None:
    """It says so in the words of any log-in that its pg_hba.conf has no line for."""
    said = 'FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "pricing", database "erp", no encryption'
    engine = engine_for("postgresql://erp.invalid/erp?sslmode=disable", None, PASSWORD)

    with pytest.raises(ErpDenied, match=r"may want TLS: see `sslmode` and `sslrootcert`"), erp_errors(engine):
        raise psycopg.OperationalError(said)


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("postgresql://localhost/erp", "disable"),
        ("postgresql://127.8.9.1/erp", "disable"),
        ("postgresql://[::1]:5432/erp", "disable"),
        ("postgresql:///erp?host=/run/postgresql", "disable"),
        ("postgresql:///erp?host=127.0.0.1:5432&host=localhost", "disable"),
        ("postgresql:///erp?host=localhost:5432&host=standby:5432", "verify-full"),
        ("postgresql://localhost/erp?hostaddr=10.0.0.7", "verify-full"),
        ("postgresql://localhost.example.com/erp", "verify-full"),
        ("postgresql://erp/erp", "verify-full"),
        # PGHOST may then name another machine; libpq asks no TLS of a socket, whatever is said here.
        ("postgresql:///erp", "verify-full"),
    ],
)
def test_only_what_no_network_carries_goes_without_tls(url: str, asked: str) -> None:
    assert tls_of(make_url(url))["sslmode"] == asked


def test_the_systems_cas_stand_in_for_a_file_that_the_url_does_not_name() -> None:
    """Also where the URL asks for them by `sslmode` alone; where it asks for encryption alone, nothing is added."""
    assert Path(tls_of(make_url("postgresql://erp/erp"))["sslrootcert"]).is_file()
    assert set(tls_of(make_url("postgresql://erp/erp?sslmode=verify-ca"))) == {"sslrootcert"}
    assert tls_of(make_url("postgresql://erp/erp?sslmode=require")) == {}
    assert tls_of(make_url("postgresql://erp/erp?sslrootcert=/ca.pem")) == {"sslmode": "verify-full"}
