"""The codes that say why somebody changed or rejected a price; one data file has them."""

import re
import tomllib
from collections.abc import Iterator, Mapping

from markdown_pricing.errors import UnusableFile

CODE = re.compile(r"[a-z][a-z0-9_]*")


class BadDecisionReasons(UnusableFile):
    what = "list of decision reasons"


def decision_reasons_in(text: str, file: str) -> Mapping[str, str]:
    """The meaning of each code in the text of a TOML `file`.

    Raises BadDecisionReasons, which names the file and lists every fault.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadDecisionReasons(file, [str(error)]) from error
    faults = [fault for code, entry in content.items() for fault in _faults(code, entry)]
    if not content:
        faults = ["it has no code"]
    if faults:
        raise BadDecisionReasons(file, faults)
    return {code: entry["meaning"] for code, entry in content.items()}


def _faults(code: str, entry: object) -> Iterator[str]:
    if not CODE.fullmatch(code):
        yield f"{code}: a code begins with a lower-case letter and has letters, digits and underscores"
    meaning = entry.get("meaning") if isinstance(entry, dict) and entry.keys() == {"meaning"} else None
    if not isinstance(meaning, str) or not meaning.strip():
        yield f"{code}: give meaning, a text, and nothing else"
