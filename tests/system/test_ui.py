"""What a user sees in the Dagster UI after `markdown-pricing run`, in a real browser.

Three countries are priced from the command line; then the web server and its daemon are started as `make ui` does.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from playwright.sync_api import Browser, Page, expect

from markdown_pricing.countries import read_countries
from markdown_pricing.lake import Lake
from markdown_pricing.sample.deliver import deliver_sample
from markdown_pricing.weeks import HEAD_OFFICE, ONE_WEEK, opens_at, this_week
from tests.real_parts import missing
from tests.system.browser import CHROMIUM, PATIENCE_MS, Shop, cell_beside, chromium, light_of, partition

COUNTRIES = ("DEU", "AUT", "HUN")
FLOW = ("markdown_training_data", "training_data", "demand_model", "markdown_predictions", "erp_refresh")
LOCATION = "/locations/markdown_pricing"
SUCCESS = re.compile("^Success$")


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
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def url(shop: Shop) -> Iterator[str]:
    with shop.ui() as url:
        yield url


@pytest.fixture
def page(url: str, browser: Browser) -> Iterator[Page]:
    """A fresh window on the UI, in Berlin."""
    expect.set_options(timeout=PATIENCE_MS)
    context = browser.new_context(
        base_url=url, timezone_id=str(HEAD_OFFICE), locale="en-US", viewport={"width": 1400, "height": 1000}
    )
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


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
    expect(page.get_by_text("Materialized (3)")).to_be_visible()
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

    page.goto("/runs")
    for country in COUNTRIES:
        expect(page.get_by_text(f"markdown/country: {country}")).to_have_count(1)
    expect(page.get_by_text(SUCCESS)).to_have_count(4)  # what they share, and three countries
    expect(page.get_by_text("Queued (0)")).to_be_visible()
    expect(page.get_by_text("In progress (0)")).to_be_visible()


def test_the_pool_stands_there_with_its_limit(page: Page) -> None:
    page.goto("/deployment/concurrency")

    expect(page.get_by_role("link", name="country_runs")).to_be_visible()
    expect(page.get_by_text(re.compile("^2$"))).to_be_visible()


def test_figures_and_price_paths_of_a_country_can_be_read(page: Page, week: date) -> None:
    page.goto(f"/assets/markdown_predictions?view=partitions&partition=DEU%7C{week}")

    expect(cell_beside(page, "Articles")).to_have_text("6")
    expect(cell_beside(page, "Currency")).to_have_text("EUR")
    expect(cell_beside(page, "Plans that gain most")).to_contain_text("More than keeping")
    sketch = cell_beside(page, "Price paths").locator("img")
    expect(sketch).to_be_visible()
    assert sketch.evaluate("image => image.naturalWidth") > 300
    cell_beside(page, "Price paths, large").get_by_text("[Show Markdown]").click()
    picture = page.get_by_role("dialog").locator("img")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") > 500


def test_one_country_is_materialized_again_by_a_few_clicks(page: Page, shop: Shop, week: date) -> None:
    """And only that one: the ERP has a second receipt for it, the others keep their first."""
    page.goto("/assets/erp_refresh")

    page.get_by_role("tab", name="Partitions").click()
    partition(page, "DEU").click()
    partition(page, week.isoformat()).click()
    page.get_by_role("button", name="Materialize").first.click()
    page.get_by_role("button", name="Launch 1 run").click()
    page.get_by_role("link", name="View", exact=True).click()

    expect(page).to_have_url(re.compile("/runs/"))
    expect(page.get_by_text(SUCCESS).first).to_be_visible()
    assert [shop.refreshes(country) for country in COUNTRIES] == [2, 1, 1]
