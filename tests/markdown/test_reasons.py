"""The data file of reason and exception codes."""

from pathlib import Path

import numpy as np
import pytest

from markdown_pricing.defaults import REASON_CODES_FILE
from markdown_pricing.installation.files import read_reason_codes
from markdown_pricing.markdown.reasons import EXCEPTIONS, REASONS, BadReasonCodes
from markdown_pricing.markdown.sentences import CLAUSES


def test_the_packaged_file_names_every_code_with_a_sentence() -> None:
    """A reason for every price, the contract's exceptions, and the clauses that sentences are made of."""
    codes = read_reason_codes()

    assert set(codes.reasons) == REASONS
    assert set(codes.exceptions) == EXCEPTIONS
    assert set(codes.clauses) == CLAUSES


def test_the_first_code_that_holds_is_given() -> None:
    """The order of the file is the order of precedence."""
    codes = read_reason_codes()
    holds = {code: np.array([True, False]) for code in EXCEPTIONS} | {"off_ladder": np.array([True, True])}

    assert codes.choose_exception(holds).tolist() == ["bad_data", "off_ladder"]


def test_all_faults_stand_in_one_error(tmp_path: Path) -> None:
    """Missing and unknown codes, wrong kinds, words that no row can fill."""
    text = REASON_CODES_FILE.read_text(encoding="utf-8")
    text = text.replace("[wait]", "[later]").replace("until {until_day}", "until {until_dya}", 1)
    text = text.replace("; {cut} % off sells", "{on_paper}; {cut} % off sells", 1)
    text = text.replace(
        'kind = "exception"\nseverity = "info"\nsentence = "it has',
        'kind = "reason"\nseverity = "none"\nsentence = "it has',
    )
    path = tmp_path / "codes.toml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(BadReasonCodes) as caught:
        read_reason_codes(path)

    for expected in (
        "wait: missing",
        "later: no rule",
        "temporary_price: unknown words until_dya",
        "response: unknown words on_paper",
        "no_history: kind is 'reason'",
        "no_history: severity is 'none'",
    ):
        assert expected in str(caught.value)
