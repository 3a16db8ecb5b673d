"""What README.md shows of the commands' output, to be compared with what they print."""

import re
from pathlib import Path

README = (Path(__file__).parent.parent / "README.md").read_text()


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split("[┃│]", line)[1:-1]]


def heading(text: str) -> list[str]:
    """The heading of each column of the first table in a text, whose words may stand on several lines."""
    lines = [cells(line) for line in text.splitlines() if line.startswith("┃")]
    return [" ".join(word for word in words if word) for words in zip(*lines, strict=True)]


def rows(text: str) -> dict[str, list[str]]:
    """The rows of the table in a text, by their first cell; a row of dots stands for those that are left out."""
    lines = [cells(line) for line in text.splitlines() if line.startswith("│")]
    return {first: others for first, *others in lines if first != "⋮"}


def totals(text: str) -> str:
    """The lines below the table: how many countries, articles and markdowns there are, and what they are worth."""
    [lines] = re.findall(r"^\d+ of \d+ countries, .+\.\nThis week's decisions: .+\.$", text, flags=re.MULTILINE)
    return str(lines)
