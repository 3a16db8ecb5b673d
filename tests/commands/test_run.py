"""What `markdown-pricing run` does, as its user sees it: its output, its exit code and what it leaves behind."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.command import command
from tests.commands.installed import COUNTRIES, WEEK, WEEK_BEFORE, Installation, truncate
from tests.processes import wait_until
from tests.quick import PATIENT, WAIT_WHILE
from tests.readme import README, heading, rows
from tests.terminal import Terminal


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
