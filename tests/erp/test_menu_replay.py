"""Who reads nothing but the menu in the ERP, and asks each week the price that it values highest, earns what we do."""

from bench.menu_replay import Reader
from markdown_pricing.backtest.twin import Setting, model_policy, twin_of
from markdown_pricing.countries import Country
from markdown_pricing.erp.tables import ensure_tables
from markdown_pricing.installation.files import read_rules
from markdown_pricing.markdown.simulation import play
from tests.erp.conftest import Erp


def test_the_menu_alone_sells_what_the_plan_sells(postgres_erp: Erp) -> None:
    """To the unit, under the standing rules."""
    ensure_tables(postgres_erp.engine)
    setting = Setting("threshold_customers", Country("DEU"), articles=12, weeks=4, seed=7)

    decided, read = (
        play("a season", twin_of(setting), policy, read_rules(), setting.weeks)
        for policy in (model_policy("log_linear"), Reader(postgres_erp.engine, "log_linear"))
    )

    assert read.articles.equals(decided.articles)
    assert decided.articles["markdowns"].sum() > 0
    assert read.unpriced == 0
