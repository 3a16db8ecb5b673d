"""What can go wrong between us and the lake, and the one place where the file system's errors become ours.

PricingError
├── TransientError        a repeat may succeed
│   ├── LakeUnreachable   the lake gave no answer, or none from which one could tell
│   ├── LakeReadOnly      the name node is in safe mode
│   └── LakeFull          there is no space, or the quota is used up
└── FinalError            a repeat would fail again
    ├── LakeDenied        a right is missing
    ├── LakeMissing       the root of the lake does not exist
    ├── UnusableLake      the URL cannot be used on this machine; a UsageError
    └── FileMissing       a file does not exist
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from markdown_pricing.errors import FinalError, PricingError, TransientError, UsageError

# hdfs-native distinguishes many faults only by their text.
_DENIED = (
    "AccessControlException",
    "SASLError",
    "GSSAPIError",
    "NoSASLMechanism",
    "InvalidToken",
    "AuthorizationException",
)
_READ_ONLY = ("SafeModeException",)
# A name node that finds no data node with room for a block says so in these words, those of Hadoop 2 last.
_FULL = ("QuotaExceededException", "could only be written to 0 of", "could only be replicated to 0 nodes")
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


class LakeUnreachable(TransientError):
    def __init__(self, where: str, why: object) -> None:
        self.where = where
        super().__init__(
            f"The lake does not answer for {where}: {_first_line(why)}. Nothing is known about what lies there. "
            "See whether its name node is up and whether MARKDOWN_PRICING_LAKE and HADOOP_CONF_DIR name the right one."
        )


class LakeReadOnly(TransientError):
    def __init__(self, where: str, why: object) -> None:
        self.where = where
        super().__init__(
            f"The lake takes no changes now, so {where} was not written: {_first_line(why)}. What was there is "
            "still there. A name node leaves safe mode by itself when its data nodes have reported; if it does not, "
            "see `hdfs dfsadmin -safemode get` and the name node's log. A repeat may succeed."
        )


class LakeFull(TransientError):
    def __init__(self, where: str, why: object) -> None:
        self.where = where
        super().__init__(
            f"The lake has no room for {where}: {_first_line(why)}. What was there is still there. Make room, or have "
            "the quota raised (`hdfs dfs -count -q` shows it), and see that data nodes run. A repeat may then succeed."
        )


class LakeDenied(FinalError):
    def __init__(self, where: str, why: object) -> None:
        self.where = where
        super().__init__(
            f"The lake refuses {where}: {_first_line(why)}. Grant this user the right (HADOOP_USER_NAME or the "
            "Kerberos ticket on HDFS, the owner of the process on a local folder)."
        )


class LakeMissing(FinalError):
    def __init__(self, where: str) -> None:
        self.where = where
        super().__init__(f"There is no lake at {where}. Correct MARKDOWN_PRICING_LAKE, or create the folder.")


class UnusableLake(UsageError):
    """The URL cannot be used on this machine, whatever lies there."""


class FileMissing(FinalError):
    def __init__(self, where: str) -> None:
        self.where = where
        super().__init__(f"{where} is not there.")


class FileTaken(FinalError):
    def __init__(self, where: str) -> None:
        self.where = where
        super().__init__(f"{where} is there already.")


@contextmanager
def lake_errors(where: str) -> Iterator[None]:
    """Turn what the file system raises while it is asked about `where` into the errors of this module."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        raise _translated(where, error) from error


def _translated(where: str, error: OSError | RuntimeError) -> PricingError:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return FileMissing(where)
    text = str(error)
    if isinstance(error, PermissionError) or any(word in text for word in _DENIED):
        return LakeDenied(where, error)
    if (isinstance(error, OSError) and error.errno in _NO_SPACE) or any(word in text for word in _FULL):
        return LakeFull(where, error)
    if any(word in text for word in _READ_ONLY):
        return LakeReadOnly(where, error)
    return LakeUnreachable(where, error)


def _first_line(why: object) -> str:
    return str(why).split("\\n")[0].split("\n")[0].strip().rstrip(".")
