"""What `markdown-pricing` does, as its user sees it: its output, its exit code and what it leaves behind."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from markdown_pricing import __version__
from markdown_pricing.__main__ import cli
from markdown_pricing.columns import ROW_COLUMNS
from markdown_pricing.countries import DEFAULT_FILE
from markdown_pricing.kept.shared_demand import keep_shared_demand
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.snapshot import find_snapshot, read_country
from markdown_pricing.learnt_together import learn_shared
from markdown_pricing.provenance import provenance
from markdown_pricing.training_data.schema import columns_to_read
from markdown_pricing.weeks import ONE_WEEK, parse_week
from tests.command import command
from tests.doubles.dcos import Dcos
from tests.processes import wait_until
from tests.quick import PATIENT, STEADY, WAIT_WHILE, deliver
from tests.readme import README, heading, rows
from tests.storage import make_storage
from tests.terminal import Terminal

WEEK, WEEK_BEFORE = "2026-02-09", "2026-02-02"
COUNTRIES = ("DEU", "AUT", "HUN", "POL", "MLT")


@dataclass(frozen=True)
class Installation:
    """A lake with a delivered week, an ERP and a Dagster home of their own."""

    root: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def lake(self) -> Path:
        return self.root / "lake"

    def parts(self, country: str, week: str = WEEK) -> Path:
        return self.lake / "markdown_training_data" / week / f"country={country}"

    def environment(self, **environ: str) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "MARKDOWN_PRICING_LAKE": str(self.lake),
            "MARKDOWN_PRICING_ERP": f"sqlite:///{self.root}/erp.sqlite",
            "MARKDOWN_PRICING_START_WEEK": "2026-01-05",
            "MARKDOWN_PRICING_MODEL": STEADY,
            "DAGSTER_HOME": str(self.root / "dagster"),
            **environ,
        }

    def run(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return command(*arguments, environ=self.environment(**environ))

    def run_in_a_process(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        program = [sys.executable, "-m", "markdown_pricing", *arguments]
        return subprocess.run(program, env=self.environment(**environ), capture_output=True, text=True)

    def prices(self) -> dict[tuple[str, str], str]:
        query = "SELECT country, article_id, week || ' ' || recommended_price FROM markdown_recommendations"
        with sqlite3.connect(self.root / "erp.sqlite") as erp:
            return {(country, article): price for country, article, price in erp.execute(query)}

    def runs(self) -> Counter[str]:
        """How many runs there are in each status."""
        with sqlite3.connect(self.root / "dagster/history/runs.db") as dagster:
            return Counter(status for (status,) in dagster.execute("SELECT status FROM runs"))

    def receipts(self) -> list[tuple[str, str]]:
        with sqlite3.connect(self.root / "erp.sqlite") as erp:
            return list(erp.execute("SELECT country, run_id FROM markdown_refreshes ORDER BY 1, 2"))


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A week of five countries and the week before of two, made once."""
    lake = tmp_path_factory.mktemp("delivered") / "lake"
    for week, countries in ((WEEK_BEFORE, ("AUT", "HUN")), (WEEK, COUNTRIES)):
        deliver(Lake(str(lake)), parse_week(week), countries, articles=6, seed=3)
    share_demand(Lake(str(lake)))
    return lake


def share_demand(lake: Lake) -> None:
    """Learnt already, from one country: a round learns what the countries share only from another delivery."""
    week = parse_week(WEEK)
    snapshot = find_snapshot(lake, week)
    learnt = learn_shared(week, ["MLT"], lambda code: read_country(lake, snapshot, code, columns_to_read))
    keep_shared_demand(lake, week, learnt.shared, provenance(week, "", snapshot.stamp))


@pytest.fixture
def installation(tmp_path: Path, delivered: Path) -> Installation:
    shutil.copytree(delivered, tmp_path / "lake")
    make_storage(tmp_path / "dagster")
    return Installation(tmp_path)


def truncate(parts: Path) -> None:
    file = next(parts.glob("part-*.parquet"))
    file.write_bytes(file.read_bytes()[:500])


def negative_stock(parts: Path) -> None:
    file = next(parts.glob("part-*.parquet"))
    table = pd.read_parquet(file)
    table["stock"] = -1
    table.to_parquet(file, index=False)


def prices_as_text(parts: Path) -> None:
    file = next(parts.glob("part-*.parquet"))
    table = pd.read_parquet(file)
    table["price"] = table["price"].astype(str)
    table.to_parquet(file, index=False)


def test_logs_are_private_and_prices_are_as_the_umask_has_it(installation: Installation) -> None:
    before = os.umask(0o022)
    try:
        done = installation.run("run", "--countries", "MLT")
    finally:
        os.umask(before)
    root = installation.root

    assert done.returncode == 0, done.stderr
    kept = list((root / "dagster").rglob("*"))
    assert len(kept) > 5
    assert {path.name for path in kept if path.stat().st_mode & 0o077} == set()
    assert (root / "dagster").stat().st_mode & 0o777 == 0o700
    [predictions] = (root / "lake" / "markdown_predictions" / WEEK).rglob("*.parquet")
    assert predictions.stat().st_mode & 0o777 == 0o644
    assert (root / "erp.sqlite").stat().st_mode & 0o777 == 0o644


def test_run_prices_the_newest_week_once_and_again_finds_the_same_prices(installation: Installation) -> None:
    """Each country is a run; an own dagster.yaml is never overwritten."""
    home = installation.root / "dagster"
    shutil.rmtree(home)  # as on a new machine
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")

    first = installation.run_in_a_process("run", "--countries", "DEU,AUT", "--json")
    before, receipts = installation.prices(), installation.receipts()
    second = installation.run("run", "--countries", "DEU,AUT", "--workers", "2")

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    told = json.loads(first.stdout)
    assert told["week"] == WEEK
    assert [each["status"] for each in told["countries"]] == ["refreshed", "refreshed"]
    assert len(before) == 12
    assert "2 of 2 countries" in second.stdout
    assert heading(second.stdout) == heading(README)
    assert "All of it was there already" in second.stderr
    assert installation.receipts() == receipts
    assert (home / "dagster.yaml").read_text() == "telemetry: {enabled: false}\n"

    again = installation.run("run", "--countries", "DEU,AUT", "--again")

    assert again.returncode == 0, again.stderr
    assert installation.prices() == before
    assert len(installation.receipts()) == 2 * len(receipts)


def test_broken_countries_fail_alone_and_the_erp_keeps_what_it_had(installation: Installation) -> None:
    """A truncated file, negative stock, a wrong column type, a missing folder: one clear error each."""
    assert installation.run("run", "--week", WEEK_BEFORE, "--countries", "HUN").returncode == 0
    before = installation.prices()
    truncate(installation.parts("HUN"))
    negative_stock(installation.parts("DEU"))
    prices_as_text(installation.parts("AUT"))
    shutil.rmtree(installation.parts("POL"))

    ended = installation.run("run", "--countries", ",".join(COUNTRIES), "--json")

    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    messages = {each["country"]: each["message"] for each in json.loads(ended.stdout)["countries"]}
    assert "part-00000" in messages["HUN"]
    assert "stock negative" in messages["DEU"]
    assert "expected float64" in messages["AUT"]
    assert "country=POL" in messages["POL"]
    assert messages["MLT"] == ""
    assert all(f"{country}: {message}" in ended.stderr for country, message in messages.items() if message)
    after = installation.prices()
    assert {key: price for key, price in after.items() if key[0] == "HUN"} == before
    assert {key[0] for key in after} == {"HUN", "MLT"}
    assert not list(installation.lake.rglob("*.tmp"))


def test_an_older_week_is_archived_and_the_erp_keeps_the_newer_one(installation: Installation) -> None:
    installation.run("run", "--countries", "AUT")
    before = installation.prices()

    ended = installation.run("run", "--week", WEEK_BEFORE, "--countries", "AUT", "--json")

    assert ended.returncode == 0, ended.stderr
    outcome = json.loads(ended.stdout)["countries"][0]
    assert outcome["status"] == "archived"
    assert WEEK in outcome["message"]
    assert installation.prices() == before
    assert (installation.lake / f"markdown_predictions/{WEEK_BEFORE}/country=AUT/part-0.parquet").exists()


@pytest.mark.parametrize(
    ("arguments", "environ", "code", "says"),
    [
        (["--countries", "USA"], {}, 2, "Not configured: USA"),
        ([], {"COUNTRY_GROUP": ""}, 2, "an empty country"),
        ([], {"COUNTRY_GROUP": "DEU,XXX"}, 2, "Not configured: XXX"),
        (["--week", "2026-02-10"], {}, 2, "named by its Monday"),
        (["--week", "2026-01-19"], {}, 1, "2026-01-19"),
        (["--week", WEEK_BEFORE], {"MARKDOWN_PRICING_START_WEEK": WEEK}, 2, "MARKDOWN_PRICING_START_WEEK"),
        ([], {"MARKDOWN_PRICING_START_WEEK": "soon"}, 2, "MARKDOWN_PRICING_START_WEEK"),
        ([], {"MARKDOWN_PRICING_LAKE": "/nowhere/lake"}, 1, "There is no lake at /nowhere/lake"),
        (["--workers", "0"], {}, 2, "--workers"),
    ],
)
def test_what_cannot_be_run_is_one_clear_error(
    installation: Installation, arguments: list[str], environ: dict[str, str], code: int, says: str
) -> None:
    ended = installation.run("run", *arguments, **environ)

    assert (ended.returncode, says in ended.stderr) == (code, True), ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (installation.root / "erp.sqlite").exists()


USAGE_ERRORS: Sequence[Sequence[str]] = (
    (),
    ("prices",),
    ("price", "--lake", "nope", "--week", WEEK, "--out", "out.parquet"),
    ("price", "--lake", "s3://nope", "--week", WEEK, "--out", "out.parquet"),
    ("price", "--lake", ".", "--week", WEEK, "--out", "nope/out.parquet"),
    ("price", "--lake", ".", "--week", WEEK, "--out", "/proc/out.parquet"),
    ("price", "--lake", ".", "--week", WEEK, "--out", "."),
    ("price", "--lake", ".", "--week", WEEK, "--out", "out.parquet", "--rules", "nope.toml"),
    ("price", "--lake", ".", "--week", WEEK, "--out", "out.parquet", "--countries", "DE"),
    ("price", "--lake", ".", "--week", WEEK, "--out", "out.parquet", "--model", "nope"),
    ("run", "--countries", "USA"),
    ("run", "--week", "2026-02-10"),
    ("price", "--lake", ".", "--week", WEEK, "--out", "out.parquet", "--compare"),
    ("backtest", "--families", "none_of_them"),
    ("backtest", "--lake", "nope"),
    ("backtest", "--lake", ".", "--countries", "DE"),
    ("backtest", "--out", "nope/report.html"),
    ("backtest", "--countries", "USA"),
    ("backtest", "--models", "oracle"),
    ("promote", "log_linear", "--families", "none_of_them"),
    ("promote",),
    ("explain", "DEU", "1", "--lake", "nope"),
    ("explain", "DEU", "1", "--out", "nope/plan.png"),
    ("metronome-jobs", "--groups", "2", "--image", "i", "--out", "nope/jobs"),
    ("sample", "--countries", "MLT"),
    ("sample", "--lake", "lake", "--week", "1970-01-05"),
    ("sample", "--lake", "lake", "--countries", "DEU,"),
    ("shadow", "a", "b"),
    ("shadow", "a", "b", "--week", WEEK),
    ("shadow", "mysql://a", "mysql://b", "--week", WEEK),
    ("shadow", "sqlite+pysqlite:///:memory:", ".", "--week", WEEK),
    ("price", "--lake", "file://data/lake", "--week", WEEK, "--out", "out.parquet"),
    ("price", "--lake", ".", "--week", WEEK, "--out", "out.parquet", "--countries", "DEU,,AUT"),
    ("serve", "daemon"),
    ("serve", "web-server", "--port", "0"),
)


def test_help_is_whole_on_80_columns_and_the_shell_can_complete_it() -> None:
    """No short text ends in dots; `--version` says which version it is."""
    page = CliRunner().invoke(cli, ["--help"], terminal_width=80).stdout.partition("Commands:")[2]

    assert "..." not in page
    assert all(f"  {name} " in page for name in cli.commands)
    assert CliRunner().invoke(cli, ["--version"], prog_name="markdown-pricing").stdout.split()[-1] == __version__
    asks = {"_MARKDOWN_PRICING_COMPLETE": "bash_complete", "COMP_WORDS": "markdown-pricing pr", "COMP_CWORD": "1"}
    assert command(environ=asks).stdout.split() == ["plain,price", "plain,promote"]


HEAVY = ("dagster", "matplotlib", "mlflow")
MISTAKES = """
import json, sys
from markdown_pricing.__main__ import main
for told in json.loads(sys.argv[1]):
    sys.argv = ["markdown-pricing", *told]
    try:
        main()
    except SystemExit as ended:
        print(json.dumps([told, ended.code, [name for name in HEAVY if name in sys.modules]]))
"""


def test_usage_errors_come_before_anything_heavy_is_imported_or_written(
    installation: Installation, tmp_path: Path
) -> None:
    """Dagster takes seconds to import; one process makes each mistake in turn."""
    program = [sys.executable, "-c", f"HEAVY = {HEAVY}\n{MISTAKES}", json.dumps(USAGE_ERRORS)]
    here = tmp_path / "here"
    here.mkdir()

    ended = subprocess.run(program, env=installation.environment(), capture_output=True, text=True, cwd=here)

    assert [json.loads(line) for line in ended.stdout.splitlines()] == [[[*each], 2, []] for each in USAGE_ERRORS], (
        ended.stderr
    )
    assert not list(here.iterdir())


def test_an_erp_that_is_away_fails_the_country_and_says_so(installation: Installation) -> None:
    """The password is not in anything that is printed or kept."""
    ended = installation.run(
        "run",
        "--countries",
        "MLT",
        MARKDOWN_PRICING_ERP="postgresql://127.0.0.1:1/prices",
        DB_USER="pricing",
        DB_PASSWORD="hunter2",
    )

    assert ended.returncode == 1
    assert "127.0.0.1" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "hunter2" not in ended.stdout + ended.stderr
    for file in (installation.root / "dagster").rglob("*"):
        assert not file.is_file() or b"hunter2" not in file.read_bytes()


def test_a_country_is_priced_without_reading_a_byte_of_anothers_files(installation: Installation) -> None:
    """By the kernel's own record of reads; what all countries share was learnt before."""
    files = [file for file in installation.lake.rglob("country=*/*") if file.is_file()]
    never = 1.0
    for file in files:
        os.utime(file, (never, file.stat().st_mtime))

    ended = installation.run("run", "--countries", "DEU", "--json")

    assert json.loads(ended.stdout)["countries"][0]["status"] == "refreshed"
    read = {file for file in files if file.stat().st_atime != never}
    if not read:
        pytest.skip("this file system keeps no record of reads")
    assert read == set(installation.parts("DEU").iterdir())
    assert {file.parent.name for file in files} == {f"country={code}" for code in COUNTRIES}


def test_the_progress_counts_the_countries_that_are_delivered(installation: Installation) -> None:
    """Forty-five are configured; the others of them have no share in the work and in its remaining time."""
    ended = installation.run("run", "--week", WEEK_BEFORE)

    assert ended.returncode == 0, ended.stderr
    counted = re.findall(rf"^Shared demand of {WEEK_BEFORE} (\d+/\d+): (\w+)", ended.stderr, re.MULTILINE)
    assert counted == [("1/2", "AUT"), ("2/2", "HUN")]


@pytest.fixture
def waiting(installation: Installation, tmp_path: Path) -> dict[str, str]:
    """The environment of a round whose countries wait, with their data kept, as long as there is a file `wait`."""
    (tmp_path / "wait").touch()
    model = {"PYTHONPATH": os.getcwd(), "MARKDOWN_PRICING_MODEL": PATIENT, WAIT_WHILE: str(tmp_path / "wait")}
    return installation.environment(COUNTRY_GROUP="HUN,POL,MLT", **model)


def test_a_stop_is_quiet_and_the_next_run_goes_on(installation: Installation, waiting: dict[str, str]) -> None:
    """What was under way is canceled, and nothing is red; no country begins after it, none is priced twice."""
    price_one_and_let_the_others_wait(installation, waiting)
    with Terminal([sys.executable, "-m", "markdown_pricing", "run"], waiting) as terminal:
        wait_until_priced(installation, 2, terminal)
        os.kill(terminal.pid, signal.SIGTERM)
        code, said = terminal.ended()

    assert code == 1
    assert (
        said.splitlines()[-1]
        == "Interrupted: 1 of 3 countries are done and in the ERP. `markdown-pricing run` goes on."
    )
    assert "Traceback" not in said
    assert begun(installation) == 2
    assert installation.runs() == {"CANCELED": 1, "SUCCESS": 1}

    (installation.root / "wait").unlink()
    ended = command("run", "--json", environ=waiting)

    assert ended.returncode == 0, ended.stderr
    done = {each["country"]: (each["status"], each["earlier"]) for each in json.loads(ended.stdout)["countries"]}
    assert done == {"HUN": ("refreshed", False), "POL": ("refreshed", False), "MLT": ("refreshed", True)}


def test_make_run_stops_by_ctrl_c_and_goes_on_when_called_again(
    installation: Installation, waiting: dict[str, str]
) -> None:
    """On a terminal of 80 × 24, as docs/terminal.md shows it: the last words are the command's own, not make's."""
    checkout = checkout_for_make(installation)
    make_run = ["make", "--old-file", ".venv/run", "run", "WORKERS=2"]  # the environment is not installed anew
    price_one_and_let_the_others_wait(installation, waiting)

    with Terminal(make_run, waiting, checkout) as terminal:
        wait_until_priced(installation, 3, terminal)
        terminal.press_ctrl_c()
        code, said = terminal.ended()

    assert code == -signal.SIGINT
    assert said.splitlines()[-1] == "Interrupted: 1 of 3 countries are done and in the ERP. `make run` goes on."
    assert not re.search(r"Traceback|\*\*\*", said)
    assert installation.runs() == {"CANCELED": 2, "SUCCESS": 1}

    (installation.root / "wait").unlink()
    with Terminal(make_run, waiting, checkout) as terminal:
        code, said = terminal.ended()

    assert code == 0, said
    assert heading(said) == heading(README) == heading((Path("docs") / "terminal.md").read_text())
    assert {country: shown[-1] == "earlier" for country, shown in rows(said).items()} == {
        "HUN": False,
        "POL": False,
        "MLT": True,
    }
    assert len(installation.receipts()) == 3


def price_one_and_let_the_others_wait(installation: Installation, waiting: dict[str, str]) -> None:
    (installation.root / "wait").unlink()
    assert command("run", "--countries", "MLT", environ=waiting).returncode == 0
    (installation.root / "wait").touch()


def begun(installation: Installation) -> int:
    """How many countries were begun, whatever has become of them."""
    return len(list((installation.lake / "markdown_pricing/training_data" / WEEK).iterdir()))


def wait_until_priced(installation: Installation, countries: int, terminal: Terminal) -> None:
    wait_until("countries are priced", lambda: begun(installation) == countries, 120, terminal.said)


def checkout_for_make(installation: Installation) -> Path:
    """A folder with the Makefile and this environment, whose sample is the installation's lake."""
    checkout = installation.root / "a checkout"
    (checkout / ".local").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        (checkout / name).symlink_to(Path(name).absolute())
    (checkout / ".venv").symlink_to(sys.prefix)
    (checkout / ".local/lake").symlink_to(installation.lake)
    return checkout


def test_no_worker_outlives_the_command(installation: Installation, waiting: dict[str, str]) -> None:
    """A stopped command leaves nothing behind that still writes to the ERP."""
    program = [sys.executable, "-m", "markdown_pricing", "run", "--workers", "2"]
    started = subprocess.Popen(
        program, env=waiting, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    kept = installation.lake / "markdown_pricing"
    wait_until("a worker works", lambda: any(kept.rglob("training_data.bin")), 120, lambda: list(kept.rglob("*")))

    started.kill()
    started.wait()

    wait_until("its workers are gone", lambda: not is_alive(group=started.pid), 60, lambda: "some are alive")


def is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_country_group_is_what_one_container_works_through(installation: Installation) -> None:
    ended = installation.run("run", "--json", COUNTRY_GROUP="HUN,MLT")

    assert [each["country"] for each in json.loads(ended.stdout)["countries"]] == ["HUN", "MLT"]


def test_only_the_countries_that_were_delivered_are_priced(installation: Installation) -> None:
    """One that was there the week before is named, and one that never was is not."""
    shutil.rmtree(installation.parts("HUN"))

    ended = installation.run("run", "--json", COUNTRY_GROUP="HUN,FRA,MLT")

    told = json.loads(ended.stdout)
    assert ended.returncode == 0, ended.stderr
    assert [each["country"] for each in told["countries"]] == ["MLT"]
    assert told["gone"] == ["HUN"]
    assert f"Incomplete: the delivery of {WEEK} lacks HUN, which the delivered week before it held" in ended.stderr
    none = installation.run("run", COUNTRY_GROUP="HUN,FRA")
    assert (none.returncode, "holds none of HUN, FRA, only AUT, DEU, MLT, POL" in none.stderr) == (1, True)


def test_price_writes_one_file_and_nothing_else(installation: Installation, tmp_path: Path) -> None:
    """A country that is not configured gets the default rules and a warning; a broken one fails alone."""
    for country in ("DEU", "POL"):
        shutil.rmtree(installation.parts(country))
    installation.parts("AUT").rename(installation.parts("USA"))
    truncate(installation.parts("HUN"))
    out = tmp_path / "prices.parquet"
    before = sorted(tmp_path.rglob("*"))

    ended = installation.run("price", "--lake", str(installation.lake), "--week", WEEK, "--out", str(out))

    assert ended.returncode == 1
    assert "USA is not configured: it is priced under the default rules, as if its prices were euros" in ended.stderr
    assert "HUN: " in ended.stderr
    table = pd.read_parquet(out)
    assert list(table.columns) == ROW_COLUMNS
    assert table["country"].value_counts().to_dict() == {"MLT": 6, "USA": 6}
    assert sorted(tmp_path.rglob("*")) == sorted([*before, out])


@pytest.mark.parametrize(
    ("countries", "code", "says"),
    [
        (" MLT ,MLT", 0, "6 articles of 1 country"),
        ("MLT,USA", 2, "The snapshot of 2026-02-09 has no USA. It holds AUT, DEU, HUN, MLT, POL"),
        ("MLT,", 2, "has an empty place"),
        ("mlt", 2, "'mlt' is not a country"),
    ],
)
def test_the_countries_to_price_are_those_of_the_snapshot(
    installation: Installation, tmp_path: Path, countries: str, code: int, says: str
) -> None:
    """Blanks are none of their names, and what is not there is a mistake of whoever names it."""
    arguments = ["--lake", str(installation.lake), "--week", WEEK, "--out", str(tmp_path / "prices.parquet")]

    ended = installation.run("price", *arguments, "--countries", countries)

    assert (ended.returncode, says in ended.stdout + ended.stderr) == (code, True), ended.stderr


@pytest.mark.parametrize("name", ["run", "price", "doctor"])
def test_what_matches_nothing_is_said(installation: Installation, tmp_path: Path, name: str) -> None:
    """A rule for a country that nobody is called, and a setting that nobody reads."""
    rules = tmp_path / "rules.toml"
    rules.write_text('[[override]]\ncountry = "GER"\nmax_markdowns = 0\n')
    of_price = ["--lake", str(installation.lake), "--week", WEEK, "--out", str(tmp_path / "prices.parquet")]
    arguments = {"run": ["--countries", "MLT"], "price": [*of_price, "--countries", "MLT"], "doctor": ["--json"]}[name]

    ended = installation.run(name, *arguments, MARKDOWN_PRICING_RULES=str(rules), MARKDOWN_PRICING_LAKES="/lake")

    said = ended.stdout if name == "doctor" else ended.stderr
    assert "The rules' override 1 holds for nobody: GER is not configured." in said
    assert "MARKDOWN_PRICING_LAKES is no setting, and nobody reads it." in said
    assert ended.returncode == (1 if name == "doctor" else 0)


def test_price_finds_the_prices_that_run_refreshes(installation: Installation, tmp_path: Path) -> None:
    installation.run("run", "--countries", "AUT")
    out = tmp_path / "prices.parquet"

    installation.run("price", "--lake", str(installation.lake), "--week", WEEK, "--out", str(out), "--countries", "AUT")

    found = pd.read_parquet(out).set_index("article_id")["recommended_price"]
    assert {article: price for (_, article), price in installation.prices().items()} == {
        article: f"{WEEK} {price}" for article, price in found.items()
    }


def test_price_under_other_rules(installation: Installation, tmp_path: Path) -> None:
    rules, out = tmp_path / "rules.toml", tmp_path / "prices.parquet"
    rules.write_text("[default]\nmax_markdowns = 0\n")
    arguments = ["--lake", str(installation.lake), "--week", WEEK, "--out", str(out), "--countries", "DEU"]

    assert installation.run("price", *arguments, "--rules", str(rules)).returncode == 0
    assert set(pd.read_parquet(out)["action"]) == {"keep"}

    rules.write_text("[default]\nmax_markdowns = -1\nlader = 3\n")
    refused = installation.run("price", *arguments, "--rules", str(rules))
    assert refused.returncode == 2
    assert "max_markdowns" in refused.stderr
    assert "lader" in refused.stderr


def test_another_model_is_one_file_and_its_name(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`gradient_boosting` and `log_linear` come with the package; package.module:Class is one from outside."""
    (tmp_path / "houses_own.py").write_text(
        "from markdown_pricing.demand.log_linear import LogLinear\nclass HousesOwn(LogLinear):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    ended = installation.run("run", "--countries", "MLT", MARKDOWN_PRICING_MODEL="houses_own:HousesOwn")

    assert ended.returncode == 0, ended.stderr
    with sqlite3.connect(installation.root / "erp.sqlite") as erp:
        versions = erp.execute("SELECT DISTINCT model_version FROM markdown_recommendations").fetchall()
    assert [version.split()[0] for (version,) in versions] == ["houses_own:HousesOwn"]

    unknown = installation.run("run", "--countries", "MLT", MARKDOWN_PRICING_MODEL="oracle")
    assert unknown.returncode == 2
    assert "gradient_boosting, log_linear" in unknown.stderr


def test_a_46th_country_is_one_row(installation: Installation, tmp_path: Path) -> None:
    file = tmp_path / "countries.csv"
    default = DEFAULT_FILE.read_text()
    file.write_text(default + "ISL,Iceland,ISK,90\n")
    shutil.copytree(installation.parts("HUN"), installation.parts("ISL"))

    ended = installation.run("run", "--countries", "ISL", MARKDOWN_PRICING_COUNTRIES=str(file))

    assert ended.returncode == 0, ended.stderr
    assert {country for country, _ in installation.prices()} == {"ISL"}


def test_sample_needs_a_lake_and_names_its_week(tmp_path: Path) -> None:
    installation = Installation(tmp_path)

    ended = installation.run(
        "sample", "--lake", str(tmp_path / "new"), "--week", WEEK, "--countries", "MLT", "--articles", "3", "--json"
    )

    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["countries"] == ["MLT"]
    assert (tmp_path / "new/markdown_training_data" / WEEK / "_SUCCESS").exists()
    assert installation.run("sample").returncode == 2


def test_a_sample_of_production_size_has_large_and_small_countries(tmp_path: Path) -> None:
    """A country's size is that among all that are configured, whichever are written."""
    installation = Installation(tmp_path)

    ended = installation.run(
        "sample", "--lake", str(installation.lake), "--week", WEEK, "--countries", "DEU,MLT", "--largest", "40"
    )

    assert ended.returncode == 0, ended.stderr
    delivered = {code: pd.read_parquet(installation.parts(code)) for code in ("DEU", "MLT")}
    assert {code: (rows["week"] == parse_week(WEEK)).sum() for code, rows in delivered.items()} == {"DEU": 40, "MLT": 1}


def test_doctor_says_what_to_do_in_a_line_each(installation: Installation) -> None:
    well = installation.run("doctor", "--json")
    ill = installation.run("doctor", "--json", MARKDOWN_PRICING_LAKE="/nowhere")

    assert well.returncode == 0, well.stdout
    assert all(finding["ok"] for finding in json.loads(well.stdout))
    assert ill.returncode == 1
    to_do = [finding for finding in json.loads(ill.stdout) if not finding["ok"]]
    assert {finding["what"] for finding in to_do} == {"Lake", "Snapshot"}
    assert "MARKDOWN_PRICING_LAKE" in to_do[0]["says"]


def test_doctor_names_the_unread_files_of_every_country(installation: Installation) -> None:
    for country in ("DEU", "POL"):
        (installation.parts(country) / "rest.csv").write_text("")

    found = {finding["what"]: finding for finding in json.loads(installation.run("doctor", "--json").stdout)}

    assert [found[f"Files of {country}"]["ok"] for country in ("DEU", "POL")] == [False, False]
    assert "rest.csv" in found["Files of POL"]["says"]


def test_doctor_names_tags_for_countries_that_are_not_configured(installation: Installation, tmp_path: Path) -> None:
    home = tmp_path / "another home"
    home.mkdir()
    (home / "dagster.yaml").write_text(
        "run_coordinator:\n"
        "  module: markdown_pricing.orchestration.coordinator\n"
        "  class: PricingRunCoordinator\n"
        "  config:\n"
        "    tags_by_country: {DEU: {metronome/mem: '4096'}, GER: {metronome/mem: '8192'}}\n"
    )

    told = installation.run("doctor", "--json", DAGSTER_HOME=str(home))

    found = {finding["what"]: finding for finding in json.loads(told.stdout)}["Dagster"]
    assert not found["ok"]
    assert f"tags_by_country in {home}/dagster.yaml names GER," in found["says"]


@pytest.mark.parametrize("text", ["run_coordinator: [", "run_coordinator: none", "- a list"])
def test_doctor_says_that_dagsters_file_cannot_be_read(installation: Installation, tmp_path: Path, text: str) -> None:
    (tmp_path / "dagster.yaml").write_text(text)

    told = installation.run("doctor", "--json", DAGSTER_HOME=str(tmp_path))

    found = {finding["what"]: finding for finding in json.loads(told.stdout)}["Dagster"]
    assert "dagster.yaml cannot be read" in found["says"]


def test_doctor_looks_at_what_the_coming_week_stands_on(installation: Installation) -> None:
    coming = str(parse_week(WEEK) + ONE_WEEK)
    told = installation.run("doctor", "--json", "--week", coming)

    found = {finding["what"]: finding for finding in json.loads(told.stdout)}
    assert found["Snapshot"]["says"].startswith(WEEK)
    assert found["Writing to the lake"]["ok"]
    assert found["Room in the lake"]["ok"]
    assert found.keys() >= {"Last week's predictions", "Last week's models", "Last week's rows in the ERP"}


def test_doctor_asks_metronome_where_runs_are_its_jobs(installation: Installation, tmp_path: Path) -> None:
    def says(account: str) -> dict[str, object]:
        with Dcos(tmp_path / "dcos") as dcos:
            cluster = {"METRONOME_URL": dcos.url, "METRONOME_CA_FILE": str(dcos.ca_file), "METRONOME_UID": account}
            told = installation.run("doctor", "--json", METRONOME_PASSWORD="let-me-in", **cluster).stdout
        assert "let-me-in" not in told
        return next(finding for finding in json.loads(told) if finding["what"] == "Metronome")

    well, ill = says("robot"), says("nobody")

    assert well["ok"]
    assert "0.6.33" in str(well["says"])
    assert not ill["ok"]
    assert "refuses nobody" in str(ill["says"])
