"""Where trials are kept to be set side by side: MLflow behind a face of one method; another service may follow."""

import os
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from markdown_pricing.errors import TransientError, UsageError
from markdown_pricing.experiments.trial import Trial

IMPATIENCE = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
"""MLflow's own are 120 seconds, seven times."""


class Tracker(Protocol):
    def keep(self, trials: Iterable[Trial]) -> None:
        """Raises TrackerAway."""


class MlflowMissing(UsageError):
    def __init__(self) -> None:
        super().__init__("MARKDOWN_PRICING_EXPERIMENTS needs MLflow. Run: pip install 'markdown-pricing[experiments]'")


class TrackerAway(TransientError):
    def __init__(self, error: Exception) -> None:
        super().__init__(f"The trials are not kept: MLflow did not take them ({type(error).__name__}).")


class MlflowTracker:
    """`uri` is MLflow's: sqlite:////path/experiments.sqlite, or http(s):// of a tracking server.

    An experiment is a back-test, a run is one model in one country of it.
    """

    def __init__(self, uri: str, artifacts: str | None = None) -> None:
        """`artifacts` is where files go of a store that has no place of its own; raises MlflowMissing."""
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
