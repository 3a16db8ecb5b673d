"""Texts from the data as people may see them: article ids, categories and the like come from outside."""

from collections.abc import Iterator

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a cell begins with that a spreadsheet runs (OWASP, CSV Injection)."""
_MARKDOWN = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_{}[]|~"} | {"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def plain(text: str) -> str:
    """The text with its control characters written out, so that no terminal obeys them; lines stay lines.

    >>> plain("A\\x1b[2J-1")
    'A\\\\x1b[2J-1'
    """
    return "".join(_plain(text))


def cell(text: str) -> str:
    """The text for a cell of a table, from which somebody may copy it into a spreadsheet: no formula, and one line.

    >>> cell("=HYPERLINK(1)"), cell("1000-17")
    ("'=HYPERLINK(1)", '1000-17')
    """
    guarded = f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text
    return plain(" ".join(guarded.split()))


def in_markdown(text: str) -> str:
    """The text for a cell of a table in Markdown, where no sign of it means anything.

    >>> in_markdown("<b>|[link](x)")
    '&lt;b&gt;\\\\|\\\\[link\\\\](x)'
    """
    return plain(text).replace("\n", " ").translate(_MARKDOWN)


def _plain(text: str) -> Iterator[str]:
    for sign in text:
        is_control = ord(sign) < 32 or 127 <= ord(sign) < 160 or sign in "\u2028\u2029\u202a\u202b\u202c\u202d\u202e"
        yield ascii(sign)[1:-1] if is_control and sign not in "\n\t" else sign
