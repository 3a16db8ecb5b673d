"""Take the pictures again, from a running Dagster UI that shows a finished round of the 45 countries:

.venv/bin/python docs/pictures/take.py http://localhost:3000

that of docs/operations.md when the countries that were launched from it last have been refreshed:

.venv/bin/python docs/pictures/take.py --operations http://localhost:3000

and those of docs/metronome.md from a running `make metronome-demo`:

.venv/bin/python docs/pictures/take.py --metronome http://localhost:3000

that of docs/etl.md from a `make ui` with MARKDOWN_PRICING_RAW set, and MARKDOWN_PRICING_START_WEEK to this week:

.venv/bin/python docs/pictures/take.py --etl http://localhost:3000

that of docs/outcomes.md from a page on the weeks that `make weeks N=8 COUNTRIES=MLT,CYP` has played:

.venv/bin/python docs/pictures/take.py --outcomes http://localhost:3000

and that of docs/experiments.md from an `mlflow ui` on trials of one back-test, of which it shows the first two:

.venv/bin/python docs/pictures/take.py --experiments http://localhost:5000

and that of docs/pricing.md from a report of `python bench/pricing.py --only seasons --out report.html`:

.venv/bin/python docs/pictures/take.py --pricing "file://$PWD/report.html"
"""

import argparse
import json
import re
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Browser, FloatRect, Page, sync_playwright

from markdown_pricing.weeks import ONE_WEEK, this_week

HERE = Path(__file__).parent
CHROMIUM = "/usr/bin/chromium"
PATIENCE_MS = 180_000
TOP = FloatRect(x=0, y=0, width=1000, height=310)
# The dialog of a picture, moved to where it does not hide the figures.
OPEN_BELOW = """
.bp5-dialog { position: fixed; right: 8px; bottom: 8px; margin: 0; }
.bp5-overlay-backdrop { display: none; }
"""


# Over the Gantt chart lies the box in which its steps are searched.
WITHOUT_SEARCH = "div:has(> div > input[placeholder='Search and filter steps']) { display: none; }"


def dagster(browser: Browser, url: str, week: str) -> None:
    look_ahead(open_page(browser, url, width=1000, height=700))
    lineage(open_page(browser, url, width=2300, height=900, scale=0.8))
    grid(open_page(browser, url, width=1700, height=800, scale=0.7), week)
    for name, asset, picture in (
        ("predictions", "markdown_predictions", "Price paths, large"),
        ("model", "demand_model", "Expected and actual units, large"),
    ):
        figures(open_page(browser, url, width=1500, height=1700, scale=0.65), name, asset, picture, week)
    automation(open_page(browser, url, width=1000, height=800))
    pool(open_page(browser, url, width=1000, height=700))


def metronome(browser: Browser, url: str) -> None:
    page = open_page(browser, url, width=1400, height=640)
    page.goto("/runs")
    page.get_by_text("metronome/job").first.wait_for()
    save(page, "metronome-runs")
    page.locator("a[href^='/runs/']", has_text=re.compile("^[0-9a-f]{8}$")).first.click()
    page.get_by_text("Metronome job").first.wait_for()
    page.add_style_tag(content=WITHOUT_SEARCH)
    save(page, "metronome-run")


def operations(browser: Browser, url: str) -> None:
    page = open_page(browser, url, width=1200, height=700)
    page.goto(f"/runs/b/{last_backfill(page)}")
    page.get_by_text("100% completed").wait_for()
    save(page, "backfill", clip=TOP | {"width": 1200, "height": 300})


def etl(browser: Browser, url: str) -> None:
    lineage(open_page(browser, url, width=2400, height=1200, scale=0.7), "etl-lineage")


def outcomes(browser: Browser, url: str) -> None:
    """The ledger of the last week that was sold."""
    page = open_page(browser, url, width=1500, height=1250, scale=0.7)
    page.goto(f"/assets/outcomes?view=partitions&partition=CYP%7C{this_week(datetime.now(UTC)) - ONE_WEEK}")
    page.get_by_text("In short").first.wait_for()
    save(page, "outcomes")


def experiments(browser: Browser, url: str) -> None:
    page = open_page(browser, url, width=1500, height=1750, scale=0.7)
    page.goto('/#/compare-runs?runs=RUNS&experiments=["1"]'.replace("RUNS", json.dumps(two_runs(page))))
    page.get_by_text("wape_after_cut").first.wait_for()
    beside_its_menus = FloatRect(x=200, y=660, width=905, height=1050)
    page.screenshot(path=HERE / "experiments.png", clip=beside_its_menus)  # the page is never idle


def pricing(browser: Browser, url: str) -> None:
    page = open_page(browser, url, width=1160, height=910, scale=0.8)
    page.goto(url)
    save(page, "backtest")


def two_runs(page: Page) -> list[str]:
    """The ids of the first experiment's two oldest runs: champion and challenger."""
    search = {"experiment_ids": ["1"], "max_results": 2, "order_by": ["attributes.start_time ASC"]}
    answer = page.request.post("/ajax-api/2.0/mlflow/runs/search", data=search).json()
    return [run["info"]["run_id"] for run in answer["runs"]]


def last_backfill(page: Page) -> str:
    query = "{partitionBackfillsOrError(limit: 1) {... on PartitionBackfills {results {id}}}}"
    answer = page.request.post("/graphql", data={"query": query}).json()
    return str(answer["data"]["partitionBackfillsOrError"]["results"][0]["id"])


def look_ahead(page: Page) -> None:
    """Let the job `preflight` run, so that its check, too, is green; on the eve of a round it runs by itself."""
    page.goto("/locations/markdown_pricing/jobs/preflight/playground")
    page.get_by_role("button", name="Launch Run").click()
    page.wait_for_url("**/runs/*")
    page.get_by_text(re.compile("^Success$")).first.wait_for()


def lineage(page: Page, name: str = "lineage") -> None:
    page.goto("/locations/markdown_pricing/asset-groups/markdown_pricing")
    page.get_by_text("45 partitions").last.wait_for()
    page.get_by_text("Loading").first.wait_for(state="hidden")
    nodes = [node.bounding_box() for node in page.locator("foreignObject").all()]
    save(page, name, clip=around([box for box in nodes if box], margin=30))


def grid(page: Page, week: str) -> None:
    """The countries of the week, of which as many are seen as a screen holds, and what was refreshed of one of them."""
    page.goto(f"/assets/erp_refresh?view=partitions&partition=DEU%7C{week}")
    page.get_by_text("Materialized (45)").wait_for()
    page.get_by_text("in the ERP").wait_for()
    save(page, "grid")


def figures(page: Page, name: str, asset: str, picture: str, week: str) -> None:
    """A country's figures, and below them the picture that a click on [Show Markdown] opens."""
    page.goto(f"/assets/{asset}?view=partitions&partition=DEU%7C{week}")
    page.get_by_role("row").filter(has_text=picture).get_by_text("[Show Markdown]").first.click()
    page.get_by_role("dialog").locator("img").wait_for()
    page.add_style_tag(content=OPEN_BELOW)
    save(page, name)


def automation(page: Page) -> None:
    page.goto("/automation")
    page.get_by_text("only on Monday").wait_for()
    page.get_by_role("checkbox", checked=True).nth(6).wait_for(state="attached")  # all are on
    save(page, "automation", clip=TOP | {"height": 640})


def pool(page: Page) -> None:
    page.goto("/deployment/concurrency")
    page.get_by_role("link", name="country_runs").wait_for()
    page.get_by_text("Loading").wait_for(state="hidden")
    save(page, "pool", clip=TOP)


def open_page(browser: Browser, url: str, width: int, height: int, scale: float = 1.0) -> Page:
    context = browser.new_context(
        base_url=url,
        viewport={"width": width, "height": height},
        device_scale_factor=scale,
        timezone_id="Europe/Berlin",
        locale="en-GB",
    )
    context.set_default_timeout(PATIENCE_MS)
    return context.new_page()


def around(boxes: list[FloatRect], margin: float) -> FloatRect:
    left, top = min(box["x"] for box in boxes) - margin, min(box["y"] for box in boxes) - margin
    right = max(box["x"] + box["width"] for box in boxes) + margin
    bottom = max(box["y"] + box["height"] for box in boxes) + margin
    return FloatRect(x=left, y=top, width=right - left, height=bottom - top)


def save(page: Page, name: str, clip: FloatRect | None = None) -> None:
    page.wait_for_load_state("networkidle")
    file = HERE / f"{name}.png"
    page.screenshot(path=file, animations="disabled", clip=clip)
    print(f"{file.name}  {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="of the Dagster or MLflow UI, or of a report")
    parser.add_argument("week", nargs="?", default=this_week(datetime.now(UTC)).isoformat())
    pages = {
        "operations": operations,
        "metronome": metronome,
        "etl": etl,
        "outcomes": outcomes,
        "experiments": experiments,
        "pricing": pricing,
    }
    for name in pages:
        parser.add_argument(
            f"--{name}", dest="take", action="store_const", const=pages[name], help=f"of docs/{name}.md"
        )
    options = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        if options.take:
            options.take(browser, options.url)
        else:
            dagster(browser, options.url, options.week)
        browser.close()
