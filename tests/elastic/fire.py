"""Runs elastalert2's rules at given times, as its scheduler does, and prints what they alert of: one JSON line each.

Run by elastalert2's own Python: fire.py CONFIG TIME [TIME …]. Its clock would take weeks: here each rule is run once at
each time, in order. Everything else is elastalert2's own code.
"""

import json
import logging
import sys
from datetime import datetime

from elastalert.elastalert import ElastAlerter


class Alerts(logging.Handler):
    """What the alerter `debug` says of each alert, in two messages: which rule and when, then the text."""

    def __init__(self) -> None:
        super().__init__()
        self._alert: dict[str, str] | None = None

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.levelno >= logging.ERROR:
            print(json.dumps({"rule": "fault", "at": "", "text": text}), flush=True)
        elif text.startswith("Alert for "):
            name, _, at = text.removeprefix("Alert for ").rstrip(":").partition(" at ")
            self._alert = {"rule": name.partition(", ")[0], "at": at}
        elif self._alert:
            print(json.dumps({**self._alert, "text": text}), flush=True)
            self._alert = None


def main(config: str, *times: str) -> None:
    alerter = ElastAlerter(["--config", config, "--verbose"])
    logging.getLogger("elastalert").addHandler(Alerts())
    for rule in alerter.rules:
        for time in map(datetime.fromisoformat, times):
            alerter.run_rule(rule, time)
            alerter.remove_old_events(rule)


if __name__ == "__main__":
    main(*sys.argv[1:])
