"""Progress: how many are done, how long it has taken, and how long it is likely to take."""

from collections.abc import Iterator
from io import StringIO

import pytest
from rich.console import Console

from markdown_pricing.commands import console


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the test says it is."""
    now = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture(params=[80, 120])
def screen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """What is written to a terminal of this width."""
    written = StringIO()
    terminal = Console(file=written, force_terminal=True, width=request.param, color_system=None)
    monkeypatch.setattr(console, "standard_error", terminal)
    yield written
    lines = written.getvalue().replace("\r", "\n").splitlines()
    assert max(map(len, lines)) <= request.param + len("\x1b[?25l\x1b[2K")


def test_piped_each_line_says_what_is_left(
    clock: list[float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Foretold by the work: the first country was three quarters of it."""
    monkeypatch.setattr(console, "standard_error", Console(stderr=True, width=40))

    with console.progress("Pricing", 2, work=4.0) as advance:
        clock[0] = 90
        advance("DEU refreshed", 3.0)
        clock[0] = 100
        advance("AUT refreshed", 1.0)

    assert capsys.readouterr().err.splitlines() == [
        "Pricing 1/2: DEU refreshed (1:30, about 0:30 left)",
        "Pricing 2/2: AUT refreshed (1:40)",
    ]


def test_from_next_to_nothing_no_time_is_foretold(
    clock: list[float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first minute is the start of the processes, and the first country a thousandth of the work."""
    monkeypatch.setattr(console, "standard_error", Console(stderr=True, width=40))

    with console.progress("Pricing", 3, work=1000.0) as advance:
        clock[0] = 60
        advance("MLT refreshed", 1.0)
        clock[0] = 70
        advance("DEU refreshed", 499.0)

    assert capsys.readouterr().err.splitlines() == [
        "Pricing 1/3: MLT refreshed (1:00)",
        "Pricing 2/3: DEU refreshed (1:10, about 1:10 left)",
    ]


def test_on_a_terminal_of_any_width_the_clock_goes_on_between_two_countries(
    clock: list[float], screen: StringIO
) -> None:
    with console.progress("Pricing 2026-02-09", 2, work=4.0) as advance:
        clock[0] = 90
        advance("DEU refreshed in 90.0 s", 3.0)
        clock[0] = 100
        console.standard_error.print("a line above the bar, with which the bar is drawn anew")

    assert "1/2 1:40, about 0:20 left" in screen.getvalue()


def test_on_a_full_line_there_is_room_for_ctrl_c(clock: list[float], screen: StringIO) -> None:
    """The terminal writes `^C` behind the bar; on a line of its own the bar would be seen twice."""
    with console.progress("Pricing 2026-02-09", 2) as advance:
        advance("a note that is far too long for the line of the bar and is cut, whatever it says" * 2)

    shown = [line for line in screen.getvalue().replace("\r", "\n").splitlines() if "1/2" in line]
    assert shown
    assert all(line.endswith("…   ") for line in shown)
