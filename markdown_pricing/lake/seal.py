"""What we keep carries its SHA-256, and an HMAC where there is a key: checked before anything is parsed.

The bytes of a model or of a Parquet file go to libraries in C++, which one changed number can crash or hang. The
SHA-256 finds what was damaged. The HMAC finds what somebody wrote who may write to the lake, but does not hold the key
of the secret store.
"""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from markdown_pricing.errors import FinalError


class ResultChanged(FinalError):
    def __init__(self, where: str, why: str, remedy: str) -> None:
        super().__init__(f"{where} is not read: {why}. {remedy}; if you did not change the file, find out who did.")


def sealed(data: bytes, key: str | None) -> bytes:
    """A line of JSON with the seal, and then the data.

    >>> unsealed(sealed(b"a model", "of the store"), "of the store")
    b'a model'
    """
    seal = {"sha256": sha256(data).hexdigest()}
    if key:
        seal["hmac"] = hmac.digest(key.encode(), data, sha256).hex()
    return json.dumps(seal).encode() + b"\n" + data


def unsealed(content: bytes, key: str | None) -> bytes:
    """The data; raises ValueError, which says why it is not to be believed."""
    line, _, data = content.partition(b"\n")
    try:
        seal = json.loads(line)
        digest, signature = str(seal["sha256"]), str(seal.get("hmac", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError("it begins with no seal, or with one that is damaged") from None
    if not hmac.compare_digest(digest.encode(), sha256(data).hexdigest().encode()):
        raise ValueError("its SHA-256 is another than when it was written")
    if key and not hmac.compare_digest(signature.encode(), hmac.digest(key.encode(), data, sha256).hex().encode()):
        raise ValueError("it was written by somebody who does not hold MARKDOWN_PRICING_RESULTS_KEY")
    return data


@dataclass(frozen=True)
class Part:
    """Where one of the parts of a file lies, and its SHA-256."""

    start: int
    size: int
    digest: str

    def checked(self, data: bytes) -> bytes:
        """The part's bytes; raises ValueError when they are not those that were written."""
        if not hmac.compare_digest(self.digest, sha256(data).hexdigest()):
            raise ValueError("its SHA-256 is another than when it was written")
        return data


@dataclass(frozen=True)
class Contents:
    """What a file of several parts says in its first two lines: notes of its writer, and where each part is."""

    notes: Mapping[str, Any]
    parts: Mapping[str, Part]


def packed(parts: Mapping[str, bytes], notes: Mapping[str, Any], key: str | None) -> bytes:
    """A file of several parts, each of which can be read and checked without the others.

    A line with the seal of the second; that one, with the notes and each part's name, size and SHA-256; the parts.
    """
    listed = [[name, len(data), sha256(data).hexdigest()] for name, data in parts.items()]
    contents = json.dumps({"notes": notes, "parts": listed}).encode()
    return b"".join((sealed(contents, key), b"\n", *parts.values()))


def contents_of(beginning: bytes, key: str | None) -> Contents:
    """What a file's first two lines say; raises ValueError, which says why they are not to be believed."""
    seal, _, rest = beginning.partition(b"\n")
    contents, end, _ = rest.partition(b"\n")
    header = json.loads(unsealed(seal + b"\n" + contents, key))
    start, parts = len(seal) + len(contents) + 2 * len(end), {}
    for name, size, digest in header["parts"]:
        parts[name] = Part(start, size, digest)
        start += size
    return Contents(header["notes"], parts)
