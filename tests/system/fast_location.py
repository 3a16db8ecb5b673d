"""The code location as it is installed, except that its sensor does not wait a minute between two looks."""

import os

import dagster as dg

from markdown_pricing.definitions import build
from markdown_pricing.installation.resources import set_up_process
from markdown_pricing.installation.settings import Settings


@dg.definitions
def defs() -> dg.Definitions:
    settings = Settings.from_env(os.environ)
    set_up_process(settings)
    return build(settings, look_every_s=1)
