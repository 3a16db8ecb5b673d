"""The lake, from which sales come and on which predictions are kept: HDFS and a local folder behind one interface."""

from markdown_pricing.lake.errors import LakeDenied, LakeFull, LakeMissing, LakeReadOnly, LakeUnreachable, UnusableLake
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.part_files import CorruptFile, PartFilesDisagree
from markdown_pricing.lake.publish import (
    ResultMissing,
    publish_bytes,
    read_bytes,
)
from markdown_pricing.lake.snapshot import (
    MissingCountry,
    Snapshot,
    SnapshotNotDelivered,
    SnapshotReplaced,
    UnreadFiles,
    delivered_weeks,
    find_snapshot,
    read_country,
)

__all__ = [
    "CorruptFile",
    "Lake",
    "LakeDenied",
    "LakeFull",
    "LakeMissing",
    "LakeReadOnly",
    "LakeUnreachable",
    "MissingCountry",
    "PartFilesDisagree",
    "ResultMissing",
    "Snapshot",
    "SnapshotNotDelivered",
    "SnapshotReplaced",
    "UnreadFiles",
    "UnusableLake",
    "delivered_weeks",
    "find_snapshot",
    "publish_bytes",
    "read_bytes",
    "read_country",
]
