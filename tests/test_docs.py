"""What the README says is so."""

import re
from collections import Counter
from importlib.metadata import distributions
from pathlib import Path

import pytest

from markdown_pricing.__main__ import cli
from tests.readme import README

PROJECT = Path(__file__).parent.parent
TREE = (PROJECT / "docs/tree.md").read_text()


def tree_of_the_page() -> set[str]:
    """The files that the page's tree names, as paths within the package."""
    found, folder = set(), ""
    for line in TREE.splitlines():
        named = re.match(r"(?P<indent>[│ ]*)[├└]── (?P<name>\S+)", line)
        if named:
            top = not named["indent"]
            if named["name"].endswith("/"):
                folder = named["name"]
            else:
                found.add(named["name"] if top else folder + named["name"])
    return found


def test_the_tree_names_every_module_and_no_other() -> None:
    package = PROJECT / "markdown_pricing"
    modules = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if path.name != "__init__.py" and path.read_text().strip()
    }

    assert tree_of_the_page() == modules


@pytest.mark.parametrize("command", sorted(cli.commands))
def test_every_command_is_documented(command: str) -> None:
    assert f"`markdown-pricing {command}" in README


def command_rows() -> list[tuple[str, set[str]]]:
    """Each command of the README's table with the options that its row names."""
    rows = re.findall(r"^\| `markdown-pricing ([\w-]+)(.*)\|$", README, flags=re.MULTILINE)
    return [(command, set(re.findall(r"(?<![\w-])--[a-z-]+", row))) for command, row in rows]


@pytest.mark.parametrize(
    ("command", "named"), command_rows(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_option_that_the_table_of_commands_names_is_one(command: str, named: set[str]) -> None:
    options = {option for parameter in cli.commands[command].params for option in parameter.opts}

    assert named <= options


def test_every_link_to_a_file_leads_somewhere() -> None:
    pages = [PROJECT / "README.md", *(PROJECT / "docs").rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            assert target.startswith("http") or (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_pinned_version_is_exact_and_names_no_registry() -> None:
    pins = [line for line in (PROJECT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]

    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.+!-]+", pin) for pin in pins)


def test_every_decision_fits_a_page() -> None:
    decisions = sorted((PROJECT / "docs/adr").glob("*.md"))

    assert decisions
    for number, decision in enumerate(decisions, start=1):
        assert decision.name.startswith(f"{number:04d}-")
        assert len(decision.read_text().splitlines()) <= 35


@pytest.mark.parametrize("decision", sorted((PROJECT / "docs/adr").glob("*.md")), ids=lambda file: file.stem)
def test_every_decision_says_its_number_its_state_and_its_date(decision: Path) -> None:
    number = int(decision.name[:4])

    assert re.match(rf"# {number}\. .+\n\n\*\*Status:\*\* \w+, \d{{4}}-\d\d-\d\d\n\n## Context\n", decision.read_text())


def test_every_package_under_the_lgpl_is_listed_with_its_licence() -> None:
    """What is installed says which those are."""
    page = (PROJECT / "docs/licences.md").read_text()
    under = re.compile(r"\bL?GPL|Lesser General", re.IGNORECASE)
    found = set()
    for package in distributions():
        told = package.metadata
        words = [told.get("License-Expression") or "", (told.get("License") or "")[:100]]
        words += [line for line in told.get_all("Classifier") or [] if line.startswith("License")]
        if any(map(under.search, words)):
            found.add(told["Name"])

    assert {"psycopg", "psycopg2-binary"} <= found
    assert {name for name in found if f"`{name}`" not in page} == set()


def test_the_changelog_tells_nothing_twice() -> None:
    """A merge that keeps both sides of a rewritten entry would leave two that begin alike."""
    entries = re.findall(r"^- (.+(?:\n  .+)*)", (PROJECT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)

    beginnings = Counter(" ".join(entry.split()[:5]) for entry in entries)

    assert len(entries) > 50
    assert [beginning for beginning, times in beginnings.items() if times > 1] == []


def test_the_changelog_says_of_each_entry_whether_it_is_new_changed_or_mended() -> None:
    """As on https://keepachangelog.com."""
    versions = re.split(r"^## .+\n", (PROJECT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)[1:]

    for version in versions:
        before, *parts = re.split(r"^### ", version, flags=re.MULTILINE)
        kinds = [part.splitlines()[0] for part in parts]
        assert before.strip() == ""
        assert kinds == [kind for kind in ("Added", "Changed", "Fixed") if kind in kinds]
