"""The code location as it is installed, except that its sensor does not wait a minute between two looks."""

import os

from markdown_pricing.definitions import build
from markdown_pricing.settings import Settings

defs = build(Settings.from_env(os.environ), look_every_s=1)
