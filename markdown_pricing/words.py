"""Numbers and commands as sentences have them."""


def counted(number: int, one: str) -> str:
    """The number with its noun, of which `one` is the singular.

    >>> counted(1, "country"), counted(2, "country"), counted(1_200, "week")
    ('1 country', '2 countries', '1,200 weeks')
    """
    if number != 1:
        one = f"{one[:-1]}ies" if one.endswith("y") and one[-2] not in "aeo" else f"{one}s"
    return f"{number:,} {one}"


def install(extra: str) -> str:
    """The command that adds an extra to the checkout's environment. The package is on no public index."""
    return f".venv/bin/python -m pip install --constraint constraints.txt --editable '.[{extra}]'"
