"""The codes of decision_reason are a file that people edit."""

import pytest

from markdown_pricing.decisions.reasons import BadDecisionReasons, decision_reasons_in
from markdown_pricing.installation.files import read_decision_reasons


def test_the_package_s_codes_end_with_one_for_everything_else() -> None:
    assert list(read_decision_reasons())[-1] == "other"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "it has no code"),
        ("[Other]\nmeaning = 'x'", "Other: a code begins with a lower-case letter"),
        ("[other]\nmeans = 'x'", "other: give meaning, a text, and nothing else"),
        ("[other]\nmeaning = ' '", "other: give meaning, a text, and nothing else"),
        ("other = 1", "other: give meaning, a text, and nothing else"),
        ("[other", "Expected"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_fault(text: str, fault: str) -> None:
    with pytest.raises(BadDecisionReasons) as error:
        decision_reasons_in(text, "reasons.toml")

    assert error.value.faults[0].startswith(fault)
