"""Keep trials in MLflow, where they can be compared side by side. Another service needs the one method of `Tracker`."""

import os
from collections.abc import Callable, Iterable
from typing import Any, Protocol
from urllib.parse import urlsplit

from markdown_pricing.errors import TransientError, UsageError
from markdown_pricing.experiments.trial import Trial
from markdown_pricing.metronome.loopback import is_loopback
from markdown_pricing.texts.words import install

IMPATIENCE = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
"""MLflow itself would wait for 120 seconds, seven times."""

PASSWORDS = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
"""Variables that MLflow itself sends with each request."""


class Tracker(Protocol):
    """A service that keeps trials."""

    def keep(self, trials: Iterable[Trial]) -> None:
        """Keep the trials. Raises TrackerAway when the service does not take them."""


class MlflowMissing(UsageError):
    def __init__(self) -> None:
        super().__init__(f"MARKDOWN_PRICING_EXPERIMENTS needs MLflow. Run in the checkout: {install('experiments')}")


class UnsafeTracker(UsageError):
    def __init__(self, host: str) -> None:
        super().__init__(
            f"MARKDOWN_PRICING_EXPERIMENTS would send a password in clear to {host}: give an https:// address."
        )


class TrackerAway(TransientError):
    def __init__(self, error: Exception) -> None:
        super().__init__(f"The trials are not kept: MLflow did not take them ({type(error).__name__}).")


class MlflowTracker:
    """Keeps trials in MLflow, where an experiment is a back-test and a run is one model in one country of it."""

    def __init__(self, uri: str, artifacts: str | None = None) -> None:
        """Raises MlflowMissing and UnsafeTracker.

        uri       : sqlite:////path/experiments.sqlite, or the http(s):// address of a tracking server
        artifacts : the folder for files when the store at `uri` has none of its own
        """
        address = urlsplit(uri)
        # MLflow takes the password that it sends, and its limits, from the environment alone.
        has_password = address.password or any(os.environ.get(name) for name in PASSWORDS)
        if address.scheme == "http" and has_password and not is_loopback(address.hostname or ""):
            raise UnsafeTracker(str(address.hostname))
        for name, value in IMPATIENCE.items():
            os.environ.setdefault(name, value)
        try:
            import mlflow
        except ImportError as error:
            raise MlflowMissing() from error
        client: Any = mlflow.MlflowClient
        self._connect: Callable[[], Any] = lambda: client(uri, uri)
        self._artifacts = artifacts

    def keep(self, trials: Iterable[Trial]) -> None:
        try:
            client = self._connect()
            for trial in trials:
                self._keep(client, trial)
        except Exception as error:
            raise TrackerAway(error) from error

    def _keep(self, client: Any, trial: Trial) -> None:
        known = client.get_experiment_by_name(trial.backtest)
        experiment = known.experiment_id if known else client.create_experiment(trial.backtest, self._artifacts)
        run = client.create_run(experiment, run_name=f"{trial.model} {trial.country}").info.run_id
        for name, value in {"model": trial.model, "country": trial.country, **trial.parameters}.items():
            client.log_param(run, name, value)
        for name, metric in trial.metrics.items():
            client.log_metric(run, name, metric)
        client.log_text(run, trial.rules, "rules.toml")
        client.set_terminated(run)
