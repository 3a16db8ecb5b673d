"""Parts that tests need for real: HDFS, PostgreSQL, Chromium."""

import os
from typing import NoReturn

import pytest


def missing(part: str, why: str) -> NoReturn:
    """Skip, because this machine lacks `part`; fail with REQUIRE_REAL_PARTS=1, as continuous integration sets it."""
    message = f"{part} did not run: {why}"
    if os.environ.get("REQUIRE_REAL_PARTS") == "1":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)
