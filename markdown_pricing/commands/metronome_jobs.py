"""`markdown-pricing metronome-jobs` writes Metronome job definitions that price without a Dagster server."""

import json
from pathlib import Path

from markdown_pricing.commands.console import print_json
from markdown_pricing.countries import split_countries
from markdown_pricing.errors import UsageError
from markdown_pricing.installation.from_settings import countries_of
from markdown_pricing.installation.settings import ERP, LAKE, Settings
from markdown_pricing.process.private import FOLDER, write_private
from markdown_pricing.texts.words import install


def metronome_jobs(
    settings: Settings, groups: int, image: str, secret: str, prefix: str, out: Path, as_json: bool
) -> int:
    """Write one file for each contiguous group of countries. Each job is a `run` with a Dagster of its own."""
    try:
        from markdown_pricing.metronome.errors import BadJob
        from markdown_pricing.metronome.job import JobDefinition, check
    except ImportError as error:
        raise UsageError(f"{error}. Run in the checkout: {install('metronome')}") from None
    places = {LAKE: settings.lake_url, ERP: settings.erp_url}
    if settings.erp_user:
        places["DB_USER"] = settings.erp_user
    parts = split_countries(list(countries_of(settings)), groups)
    out.mkdir(mode=FOLDER, exist_ok=True)
    written = []
    for number, countries in enumerate(parts, start=1):
        job = JobDefinition(
            id=f"{prefix}.group-{number}-of-{len(parts)}",
            image=image,
            args=("markdown-pricing", "run"),
            env={**places, "COUNTRY_GROUP": ",".join(countries)},
            secrets={"DB_PASSWORD": secret},
            labels={"countries": ",".join(countries)},
            kill_grace_s=60.0,
        )
        body = job.to_json()
        try:
            check(body)
        except BadJob as error:
            raise UsageError(str(error)) from None
        file = out / f"{job.id}.json"
        write_private(file, json.dumps(body, indent=2) + "\n")
        written.append({"file": str(file), "countries": countries})
    if as_json:
        print_json({"jobs": written})
    else:
        for entry in written:
            print(f"{entry['file']}  {','.join(entry['countries'])}")
    return 0
