"""What is kept as bytes carries its SHA-256, and an HMAC where there is a key: checked before anything is parsed.

A model's bytes go to libraries in C++, which one changed number can crash or hang. The SHA-256 finds what was damaged.
The HMAC finds what somebody wrote who may write to the lake, but does not hold the key of the secret store.
"""

import hmac
import json
from hashlib import sha256

from markdown_pricing.errors import FinalError


class ResultChanged(FinalError):
    def __init__(self, where: str, why: str, made_by: str | None) -> None:
        super().__init__(
            f"{where} is not read: {why}. Materialize {made_by or 'the asset that makes it'} of that week and country "
            "again; if you did not change the file, find out who did."
        )


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
