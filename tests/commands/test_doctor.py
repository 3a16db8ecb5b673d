"""What `markdown-pricing doctor` says, as its user sees it."""

import json
from pathlib import Path

import pytest

from markdown_pricing.weeks import ONE_WEEK, parse_week
from tests.commands.installed import WEEK, Installation
from tests.doubles.dcos import Dcos


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
