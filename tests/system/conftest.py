"""What the daemon said is shown with a test that fails."""

from collections.abc import Generator

import pytest

from tests.system.installation import Installation


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        for name, value in item.funcargs.items():
            if isinstance(value, Installation):
                report.sections.append((f"The end of the daemon's log, {name}", value.log_tail()))
    return report
