"""What a user sees and does in the Dagster UI after `markdown-pricing run`, in a real browser.

Four countries are priced from the command line; then the web server and its daemon are started as `make ui` does. All
tests look at these servers, in the order in which they stand here: first what is seen, then what is done.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from markdown_pricing.countries import read_countries
from markdown_pricing.lake import Lake
from markdown_pricing.sample.deliver import deliver_sample
from markdown_pricing.weeks import HEAD_OFFICE, ONE_WEEK, opens_at, this_week
from tests.real_parts import missing
from tests.system.browser import (
    CHROMIUM,
    PATIENCE_MS,
    RUN_PATIENCE_MS,
    Shop,
    cell_beside,
    chromium,
    light_of,
    partition,
)

THREE = ("DEU", "AUT", "HUN")
COUNTRIES = (*THREE, "POL")
FLOW = ("markdown_training_data", "training_data", "demand_model", "markdown_predictions", "erp_refresh")
LOCATION = "/locations/markdown_pricing"
SUCCESS = re.compile("^Success$")
WITHOUT_MOTION = """
document.addEventListener("DOMContentLoaded", () => {
    const style = document.createElement("style");
    style.textContent = "*, *::before, *::after { animation: none !important; transition: none !important; }";
    document.head.append(style);
});
"""
"""Signs that turn while something is awaited take as much of a core as what is awaited."""


@pytest.fixture(scope="module")
def week() -> date:
    return this_week(datetime.now(UTC))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, week: date) -> Shop:
    """Priced from the command line."""
    if not CHROMIUM.exists():
        missing("Chromium", f"there is no {CHROMIUM} (apt-get install --no-install-recommends chromium)")
    shop = Shop(tmp_path_factory.mktemp("shop"), COUNTRIES, first_week=week)
    countries = read_countries()
    deliver_sample(Lake(shop.lake), week, [countries[code] for code in COUNTRIES], articles=6, seed=3)
    shop.markdown_pricing("run")
    return shop


@pytest.fixture(scope="module")
def window(url: str) -> Iterator[BrowserContext]:
    """On the UI, in Berlin; its pages share what was loaded and compiled once."""
    expect.set_options(timeout=PATIENCE_MS)
    with chromium() as browser:
        window = browser.new_context(
            base_url=url, timezone_id=str(HEAD_OFFICE), locale="en-US", viewport={"width": 1400, "height": 1000}
        )
        window.set_default_timeout(PATIENCE_MS)
        window.add_init_script(WITHOUT_MOTION)
        yield window


@pytest.fixture(scope="module")
def url(shop: Shop) -> Iterator[str]:
    with shop.ui() as url:
        yield url


@pytest.fixture
def page(window: BrowserContext) -> Iterator[Page]:
    with window.new_page() as page:
        yield page


def test_the_lineage_reads_from_the_snapshot_to_the_erp(page: Page) -> None:
    page.set_viewport_size({"width": 2600, "height": 1000})  # so wide that no name is shortened
    page.goto("/asset-groups")

    nodes = [page.locator("foreignObject").filter(has=page.get_by_text(asset, exact=True)) for asset in FLOW]
    for node in nodes:
        expect(node).to_be_visible()
    places = [float(node.get_attribute("x") or 0) for node in nodes]
    assert places == sorted(set(places))


def test_every_country_of_the_week_is_green(page: Page, week: date) -> None:
    page.goto("/assets/erp_refresh?view=partitions")

    for entry in (*COUNTRIES, week.isoformat()):
        expect(light_of(partition(page, entry))).to_have_attribute("style", re.compile("accent-green"))
    expect(page.get_by_text("Materialized (4)")).to_be_visible()
    expect(page.get_by_text("Missing (0)")).to_be_visible()


def test_the_schedule_runs_and_ticks_next_on_monday_at_eight_in_berlin(page: Page) -> None:
    now = datetime.now(HEAD_OFFICE)
    opens = opens_at(this_week(now))
    monday = opens if now < opens else opens_at(this_week(now) + ONE_WEEK)
    page.goto(f"{LOCATION}/schedules/weekly_markdown_pricing")

    expect(cell_beside(page, "Next tick")).to_contain_text(f"{monday:%b} {monday.day}, 8:00:00 AM")
    expect(cell_beside(page, "Execution timezone")).to_have_text("Europe/Berlin")
    expect(cell_beside(page, "Running").get_by_role("checkbox")).to_be_checked()


def test_the_sensor_looks_and_starts_nothing_again(page: Page) -> None:
    """What the command line has priced is done; the only runs are its own."""
    page.goto(f"{LOCATION}/sensors/training_data_sensor")

    expect(cell_beside(page, "Running").get_by_role("checkbox")).to_be_checked()
    expect(cell_beside(page, "Latest tick")).to_contain_text("0 runs requested")
    expect(cell_beside(page, "Frequency")).to_contain_text("~1 min")

    page.goto("/runs")
    for country in COUNTRIES:
        expect(page.get_by_text(f"markdown/country: {country}")).to_have_count(1)
    expect(page.get_by_text(SUCCESS)).to_have_count(5)  # what they share, and four countries
    expect(page.get_by_text("Queued (0)")).to_be_visible()
    expect(page.get_by_text("In progress (0)")).to_be_visible()


def test_the_pools_stand_there_with_their_limits(page: Page) -> None:
    page.goto("/deployment/concurrency")

    expect(page.get_by_role("link", name="country_runs")).to_be_visible()
    expect(page.get_by_role("link", name="ledger_runs")).to_be_visible()
    expect(page.get_by_text(re.compile("^2$"))).to_have_count(2)


def test_figures_and_price_paths_of_a_country_can_be_read(page: Page, week: date) -> None:
    page.goto(f"/assets/markdown_predictions?view=partitions&partition=DEU%7C{week}")

    expect(cell_beside(page, "Articles")).to_have_text("6")
    expect(cell_beside(page, "Currency")).to_have_text("EUR")
    expect(cell_beside(page, "Decisions that are worth most")).to_contain_text("Stake")
    sketch = cell_beside(page, "Price paths").locator("img")
    expect(sketch).to_be_visible()
    assert sketch.evaluate("image => image.naturalWidth") > 300
    cell_beside(page, "Price paths, large").get_by_text("[Show Markdown]").click()
    picture = page.get_by_role("dialog").locator("img")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") > 500


def test_one_asset_of_one_country_is_materialized_again_by_a_few_clicks(page: Page, shop: Shop, week: date) -> None:
    """And only that one: the ERP has a second receipt for it, the others keep their first."""
    materialize(page, "erp_refresh", "DEU", week)

    expect(page.get_by_text(SUCCESS).first).to_be_visible(timeout=RUN_PATIENCE_MS)
    assert [shop.refreshes(country) for country in COUNTRIES] == [2, 1, 1, 1]


@pytest.fixture(scope="module")
def backfill(url: str, window: BrowserContext, shop: Shop, week: date) -> tuple[str, list[int]]:
    """The path of the page on which the launch of three countries is followed, which Dagster begins within 30 s.

    And how many refreshes each of them had before.
    """
    before = [shop.refreshes(country) for country in THREE]
    page = window.new_page()
    page.goto("/assets/erp_refresh?view=partitions")
    page.get_by_role("button", name="Materialize").first.click()
    page.get_by_text("Select a partition or create one").first.click()  # the country
    expect(page.get_by_placeholder("Filter partitions")).to_be_visible()
    for country in THREE:
        page.get_by_text(country, exact=True).filter(visible=True).last.click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Latest").last.click()
    page.get_by_role("button", name=re.compile("^Launch")).click()
    page.get_by_text("Created backfill").locator("xpath=following::*[text()='View'][1]").click()
    expect(page).to_have_url(re.compile("/runs/b/"))
    page.close()
    return page.url.removeprefix(url), before


@pytest.mark.usefixtures("backfill")  # which is begun here and has ended by the last test
def test_a_corrupt_country_is_a_sentence_and_its_run_is_executed_again_from_failure(page: Page, shop: Shop) -> None:
    """`make run` names the file and what to do, and so does the page, which shows no stack frame beside it."""
    with shop.corrupt("POL"):
        [failed] = json.loads(shop.markdown_pricing("run", "--countries", "POL", "--again", "--json", code=1))[
            "countries"
        ]

    page.goto(f"/runs/{failed['run_id']}")
    expect(page.get_by_text(failed["message"]).first).to_be_visible()
    assert "Have the ETL write that snapshot again." in failed["message"]
    expect(page.get_by_text("Stack Trace")).to_have_count(0)

    page.get_by_role("button", name="Re-execute all").locator("xpath=following::button[1]").click()
    page.get_by_role("menuitem", name="From failure").click()
    expect(page).not_to_have_url(re.compile(failed["run_id"]))
    expect(page.get_by_text(SUCCESS).first).to_be_visible(timeout=RUN_PATIENCE_MS)
    assert shop.refreshes("POL") == 2


def test_a_run_is_canceled(page: Page, shop: Shop, week: date) -> None:
    with shop.training_that_waits():
        materialize(page, "demand_model", "POL", week)
        expect(page.get_by_text("STEP_START").first).to_be_visible(timeout=RUN_PATIENCE_MS)

        page.get_by_role("button", name="Terminate").click()
        page.get_by_role("dialog").get_by_role("button", name="Terminate 1 run").click()

        expect(page.get_by_text(re.compile("^Canceled$")).first).to_be_visible()


def test_three_countries_of_a_week_are_materialized_by_a_few_clicks(
    page: Page, shop: Shop, backfill: tuple[str, list[int]]
) -> None:
    path, before = backfill
    page.goto(path)

    expect(page.get_by_text("100% completed")).to_be_visible(timeout=RUN_PATIENCE_MS)
    assert [shop.refreshes(country) for country in THREE] == [refreshes + 1 for refreshes in before]


def materialize(page: Page, asset: str, country: str, week: date) -> None:
    """Launch one run from the page of the asset, and go to its page."""
    page.goto(f"/assets/{asset}")
    page.get_by_role("tab", name="Partitions").click()
    partition(page, country).click()
    partition(page, week.isoformat()).click()
    page.get_by_role("button", name="Materialize").first.click()
    page.get_by_role("button", name="Launch 1 run").click()
    page.get_by_role("link", name="View", exact=True).click()
    expect(page).to_have_url(re.compile("/runs/"))
