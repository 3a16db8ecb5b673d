"""The one look for tables beside the recommendations, which the ERP may lack, and the one error that says so."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection

from markdown_pricing.erp.errors import where_is
from markdown_pricing.erp.tables import missing_beside, statements_beside
from markdown_pricing.errors import FinalError


class TablesMissing(FinalError):
    """The version before made no such tables, and the first refresh of this one has not made them either."""

    def __init__(self, where: str, missing: Sequence[str], statements: Sequence[str], kept: str = "") -> None:
        self.missing = tuple(missing)
        listed = "\n  ".join(("", *statements))
        super().__init__(
            f"The ERP at {where} has no table {', '.join(missing)}. The next refresh makes it where its account may "
            f"create tables; else have the owner of the tables run:{listed}" + (f"\n{kept}" if kept else "")
        )


def check_there(connection: Connection, tables: Collection[str], kept: str = "") -> None:
    """Raises TablesMissing when some of the tables are not there.

    kept : a sentence about where what they would hold is kept all the same
    Its statements make all that the ERP lacks, so that their owner has to be asked once.
    """
    if missing := sorted(missing_beside(connection).keys() & set(tables)):
        statements = [each for own in statements_beside(connection).values() for each in own]
        raise TablesMissing(where_is(connection.engine), missing, statements, kept)
