"""The files of rules, buyers' sentences and decision reasons, read from disk. Packages without I/O parse their text."""

from collections.abc import Mapping
from pathlib import Path

from markdown_pricing.decisions.reasons import BadDecisionReasons, decision_reasons_in
from markdown_pricing.defaults import DECISION_REASONS_FILE, REASON_CODES_FILE, RULES_FILE
from markdown_pricing.errors import UnusableFile
from markdown_pricing.markdown.reasons import BadReasonCodes, ReasonCodes, reason_codes_in
from markdown_pricing.markdown.rules import BadRules, RuleBook, rules_in


def read_rules(path: Path = RULES_FILE) -> RuleBook:
    """The rules of a TOML file. Raises BadRules, which lists every fault."""
    return rules_in(_text(path, BadRules), str(path))


def read_reason_codes(path: Path = REASON_CODES_FILE) -> ReasonCodes:
    """The codes of a TOML file. Raises BadReasonCodes, which lists every fault."""
    return reason_codes_in(_text(path, BadReasonCodes), str(path))


def read_decision_reasons(path: Path = DECISION_REASONS_FILE) -> Mapping[str, str]:
    """The meaning of each code in a TOML file. Raises BadDecisionReasons, which lists every fault."""
    return decision_reasons_in(_text(path, BadDecisionReasons), str(path))


def _text(path: Path, fault: type[UnusableFile]) -> str:
    """The text of the file. Raises `fault` when there is no such file, or it is not in UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise fault(str(path), [str(error)]) from error
