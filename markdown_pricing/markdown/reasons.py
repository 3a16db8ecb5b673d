"""Codes and sentences that say why a price is what it is, and what somebody should look at; one data file has them."""

import string
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from markdown_pricing.arrays import BoolArray, ObjectArray
from markdown_pricing.codes import SEVERITIES, ExceptionCode, ReasonCode
from markdown_pricing.errors import UnusableFile
from markdown_pricing.markdown.sentences import CLAUSE_WORDS, CLAUSES, PLAIN, RowFacts, Words

REASONS: frozenset[str] = frozenset(ReasonCode)
EXCEPTIONS: frozenset[str] = frozenset(ExceptionCode)


class BadReasonCodes(UnusableFile):
    what = "list of reason codes"


@dataclass(frozen=True)
class ReasonCodes:
    """The sentence of each code, in the order of their precedence.

    clauses : the parts of sentences that stand for a word in braces
    rules : for each code that stands for a pricing rule, that rule in words
    severities : for each exception whether somebody should act, should look, or need only know
    """

    reasons: Mapping[str, str]
    exceptions: Mapping[str, str]
    clauses: Mapping[str, str]
    rules: Mapping[str, str]
    severities: Mapping[str, str]

    def choose_reason(self, holds: Mapping[str, BoolArray]) -> ObjectArray:
        """The first reason that holds for each article, (articles,); None where none does."""
        return _first(self.reasons, holds)

    def choose_exception(self, holds: Mapping[str, BoolArray]) -> ObjectArray:
        """The first exception that holds for each article, (articles,); None where all is well."""
        return _first(self.exceptions, holds)

    def severities_of(self, exceptions: ObjectArray) -> ObjectArray:
        """The severity of each exception, in the shape of `exceptions`; None where there is none."""
        severities = np.full(exceptions.shape, None, dtype=object)
        for code, severity in self.severities.items():
            severities[exceptions == code] = severity
        return severities

    def sentence(self, facts: RowFacts) -> str:
        """The sentence of a row: its reason, then its exception when there is one."""
        words, exception = Words(facts, self.clauses), facts.row.exception_code
        said = self.reasons[facts.row.reason_code].format_map(words)
        if pd.isna(exception) or exception == facts.row.reason_code:
            return f"{said}."
        return f"{said}; note that {self.exceptions[exception].format_map(words)}."


def reason_codes_in(text: str, file: str) -> ReasonCodes:
    """The codes in the text of a TOML `file`. Raises BadReasonCodes, which names the file and lists every fault."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadReasonCodes(file, [str(error)]) from error
    faults = [fault for code, entry in content.items() for fault in _faults(code, entry)]
    faults += [f"{code}: missing" for code in sorted((REASONS | EXCEPTIONS | CLAUSES) - content.keys())]
    if faults:
        raise BadReasonCodes(file, faults)
    return ReasonCodes(
        reasons={code: entry["sentence"] for code, entry in content.items() if code in REASONS},
        exceptions={code: entry["sentence"] for code, entry in content.items() if code in EXCEPTIONS},
        clauses={code: entry["sentence"] for code, entry in content.items() if code in CLAUSES},
        rules={code: entry["rule"] for code, entry in content.items() if "rule" in entry},
        severities={code: entry["severity"] for code, entry in content.items() if "severity" in entry},
    )


def _faults(code: str, entry: object) -> Iterator[str]:
    if code not in REASONS | EXCEPTIONS | CLAUSES:
        yield f"{code}: no rule gives this code"
        return
    needed = {"kind", "sentence", "severity"} if code in EXCEPTIONS else {"kind", "sentence"}
    if not isinstance(entry, dict) or entry.keys() - {"rule"} != needed:
        yield f"{code}: give {', '.join(sorted(needed))}, and rule where a rule binds; nothing else"
        return
    if entry.get("severity", SEVERITIES[0]) not in SEVERITIES:
        yield f"{code}: severity is {entry['severity']!r}, but must be one of {', '.join(SEVERITIES)}"
    if not isinstance(entry.get("rule", ""), str):
        yield f"{code}: rule {entry['rule']!r} is no text"
    kind = {(True, False): "reason", (False, True): "exception", (True, True): "both"}.get(
        (code in REASONS, code in EXCEPTIONS), "clause"
    )
    if entry["kind"] != kind:
        yield f"{code}: kind is {entry['kind']!r}, but must be {kind!r}"
    try:
        words = {word for _, word, _, _ in string.Formatter().parse(entry["sentence"]) if word is not None}
    except (TypeError, ValueError) as error:
        yield f"{code}: sentence {entry['sentence']!r}: {error}"
        return
    known = PLAIN.keys() | (set() if code in CLAUSES else CLAUSE_WORDS.keys())
    if words - known:
        yield f"{code}: unknown words {', '.join(sorted(words - known))}; known are {', '.join(sorted(known))}"


def _first(codes: Mapping[str, str], holds: Mapping[str, BoolArray]) -> ObjectArray:
    chosen = np.full(len(next(iter(holds.values()))), None, dtype=object)
    for code in reversed(list(codes)):
        chosen[holds[code]] = code
    return chosen
