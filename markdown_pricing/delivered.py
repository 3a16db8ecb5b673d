"""What a snapshot delivers of one country: read from the lake, taken in, and with its origin.

The assets, `markdown-pricing price` and the doctor read a delivery by these functions, so that they see the same rows.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

from markdown_pricing.currencies import Changeover, changes_in_short
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.snapshot import Snapshot, read_country, read_planned
from markdown_pricing.learnt_together import Apply, LearntTogether, learn_shared
from markdown_pricing.pricing import HowToLearn, take_in_country
from markdown_pricing.provenance import Provenance, provenance
from markdown_pricing.training_data.intake import Intake
from markdown_pricing.training_data.schema import columns_to_read, planned_columns


def take_in_delivery(
    lake: Lake,
    snapshot: Snapshot,
    country: str,
    changeovers: Sequence[Changeover] = (),
    columns: Callable[[list[str]], list[str]] = columns_to_read,
) -> Intake:
    """One country's rows of the snapshot and its plan for weeks to come, taken in.

    changeovers : the country's changes of currency ; columns : as for `read_country`
    Raises what `read_country` and `read_planned` raise, and BadTrainingData.
    """
    rows = read_country(lake, snapshot, country, columns, encoded=True)
    planned = read_planned(lake, snapshot, country, planned_columns)
    return take_in_country(rows, snapshot.week, country, changeovers, *planned)


def learn_from_delivery(
    lake: Lake,
    snapshot: Snapshot,
    countries: Iterable[str],
    changeovers: Mapping[str, tuple[Changeover, ...]] = MappingProxyType({}),
    how: HowToLearn | None = None,
    apply: Apply = map,
) -> LearntTogether:
    """What `countries` share by the snapshot; the other parameters and the errors are those of `learn_shared`."""
    read = partial(read_country, lake, snapshot, columns=columns_to_read, encoded=True)
    return learn_shared(snapshot.week, countries, read, how, apply, changeovers)


def origin_of_delivery(snapshot: Snapshot, country: str, changeovers: Sequence[Changeover] = ()) -> Provenance:
    """The origin of what is made from one country's delivery: the snapshot, its plan and its changes of currency."""
    return provenance(snapshot.week, country, snapshot.stamp).of(
        plan=snapshot.plan_stamp(country), currencies=changes_in_short(changeovers)
    )
