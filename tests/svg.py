"""Pictures of Dagster's page, as the browser reads them."""

from urllib.parse import unquote
from xml.etree import ElementTree

SVG = "{http://www.w3.org/2000/svg}"
BEGINNING, END = "![](data:image/svg+xml,", ")"


def svg_of(markdown: str) -> ElementTree.Element:
    """The picture of the Markdown, which is one address that nothing ends too early."""
    assert markdown.startswith(BEGINNING)
    assert markdown.endswith(END)
    address = markdown[len(BEGINNING) : -len(END)]
    assert not set(address) & set(' ()<>"')
    return ElementTree.fromstring(unquote(address))
