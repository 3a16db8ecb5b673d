"""What an installation has that sets nothing: the files that come with the package, and the demand model."""

from markdown_pricing import DATA

COUNTRIES_FILE, CURRENCIES_FILE = DATA / "countries.csv", DATA / "currencies.csv"
RULES_FILE, REASON_CODES_FILE = DATA / "rules.toml", DATA / "reason_codes.toml"
DECISION_REASONS_FILE = DATA / "decision_reasons.toml"
DEFAULT_MODEL = "gradient_boosting"
"""The demand model that prices before one is set or promoted."""
