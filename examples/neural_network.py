"""A demand model in PyTorch: networks for the level and the elasticity of demand, which falls with the price.

    MARKDOWN_PRICING_MODEL=examples.neural_network:NeuralNetwork     MARKDOWN_PRICING_DEVICE=auto, cpu or cuda

    demand = running rate · exp(level(x)) · (price / recent price)^−(LEAST_ELASTICITY + softplus(response(x)))

No network sees the price, so that demand falls with it whatever they learn. They are trained on the chosen device.
Where the countries learn together, one large network is learnt for all of them (shared_network.py), which each country
adapts to itself (adapted.py). Otherwise a country learns two small networks of its own.
Answers are computed on the CPU in double precision, so that the same bytes give the same answers on every machine.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from examples.adapted import Adapted
from examples.contribution import Rows
from examples.running_rate import CATEGORY, LEAST_ELASTICITY, PRICE_CHANGE, RunningRate
from examples.shared_network import SharedNetwork, computing_alike, learn
from markdown_pricing.arrays import FloatArray
from markdown_pricing.demand.model import DemandModel
from markdown_pricing.demand.shared import SharedDemand
from markdown_pricing.demand.sold_out import fill_sold_out
from markdown_pricing.forecast import Forecast
from markdown_pricing.process.device import device_to_use

LEAST_ROWS = 100
HIDDEN = 16
EPOCHS, BATCH = 8, 512
LEARNING_RATE, WEIGHT_DECAY = 0.02, 1e-3
LARGEST_LEVEL, LARGEST_ELASTICITY = 1.5, 5.0


class Demand(nn.Module):
    """From inputs without the price: the log of the level over the running rate, and the elasticity over the least."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.level = nn.Sequential(nn.Linear(inputs, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 1))
        self.response = nn.Sequential(nn.Linear(inputs, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 1))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The log of the level and the elasticity above LEAST_ELASTICITY, both (rows,), from x, (rows, inputs)."""
        level = LARGEST_LEVEL * torch.tanh(self.level(x)[:, 0])
        return level, nn.functional.softplus(self.response(x)[:, 0]).clamp(max=LARGEST_ELASTICITY)


@dataclass
class NeuralNetwork(DemandModel):
    """See the module. `network` is None when there was too little to learn from; then the running rate stands.

    mean, scale : of each input, to centre and scale it by ; device : where it was trained
    adapted     : the network of all countries, which answers in place of `network`; None where there is none
    """

    running: RunningRate = field(default_factory=RunningRate)
    network: Demand | None = None
    mean: FloatArray = field(default_factory=lambda: np.zeros(0))
    scale: FloatArray = field(default_factory=lambda: np.ones(0))
    device: str = "cpu"
    adapted: Adapted | None = None

    @classmethod
    def contribution(cls, history: pd.DataFrame, week: date, seed: int) -> bytes | None:
        """Rows to learn from; None when nothing was sold."""
        rows = Rows.of(RunningRate.of(history), history, seed)
        return rows.to_bytes(seed) if rows.units.any() else None

    @classmethod
    def learn_together(
        cls, contributions: Mapping[str, bytes], week: date, seed: int, threads: int = 1
    ) -> bytes | None:
        """The network of all countries, trained on the chosen device."""
        learnt = learn(contributions, seed, threads, device_to_use(torch.cuda.is_available()))
        return None if learnt is None else learnt.to_bytes()

    def fit(
        self, history: pd.DataFrame, week: date, seed: int, threads: int = 1, shared: SharedDemand | None = None
    ) -> None:
        """Fit twice: for the second fit, sold-out weeks are filled with the demand that the first one expects there."""
        self.running, self.network, self.adapted = RunningRate.of(history), None, None
        rows = Rows.of(self.running, history, seed)
        if shared is not None and shared.learnt is not None:
            network = SharedNetwork.from_bytes(shared.learnt)
            self.adapted, self.device = Adapted.to(network, shared.country or "", self.running, rows), network.device
            return
        self.device = device_to_use(torch.cuda.is_available())
        x, rate, units = rows.x, rows.rate, rows.units
        if len(x) < LEAST_ROWS or not units.any():
            return
        inputs = self._inputs(x)
        self.mean, self.scale = inputs.mean(axis=0), np.maximum(inputs.std(axis=0), 1e-3)
        censored, demand = rows.censored > 0, units
        with computing_alike(seed, threads):
            self.network = Demand(inputs.shape[1]).double()
            for _ in range(2 if censored.any() else 1):
                self._train(x, demand, rate, seed)
                level, elasticity = self._answers(x)
                mean = rate * np.exp(level - elasticity * x[:, PRICE_CHANGE])
                self.running.learn_dispersion(units[~censored], mean[~censored])
                demand, _ = fill_sold_out(units, censored, mean, np.full(len(x), self.running.dispersion))

    def _train(self, x: FloatArray, demand: FloatArray, rate: FloatArray, seed: int) -> None:
        """Minimise the Poisson deviance with the rate as exposure, weighted so that best sellers drown no others."""
        assert self.network is not None
        network = self.network.to(self.device)
        optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        inputs, change, sold, offset, weight = (
            torch.as_tensor(values, dtype=torch.float64, device=self.device)
            for values in (self._scaled(x), x[:, PRICE_CHANGE], demand, np.log(rate), 1.0 / (1.0 + 0.4 * rate))
        )
        drawn = np.random.default_rng(seed)
        for _ in range(EPOCHS):
            for rows in np.array_split(drawn.permutation(len(x)), max(len(x) // BATCH, 1)):
                level, elasticity = network(inputs[rows])
                log_mean = offset[rows] + level - elasticity * change[rows]
                loss = (weight[rows] * (torch.exp(log_mean) - sold[rows] * log_mean)).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        self.network = network.cpu()

    def _inputs(self, x: FloatArray) -> FloatArray:
        """All features but the price, (rows, inputs). A category becomes flags, all 0 for one that was never seen."""
        categories = len(self.running.categories)
        code = np.where(np.isnan(x[:, CATEGORY]), categories, x[:, CATEGORY]).astype(np.int64)
        return np.hstack([np.delete(x, [PRICE_CHANGE, CATEGORY], axis=1), np.eye(categories + 1)[code][:, :categories]])

    def _scaled(self, x: FloatArray) -> FloatArray:
        """Inputs in standard deviations, cut to ±4, because far from what it has seen a network may say anything."""
        return np.clip((self._inputs(x) - self.mean) / self.scale, -4.0, 4.0)

    def _answers(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The log of the level over the running rate, and the elasticity above LEAST_ELASTICITY, both (rows,)."""
        if self.adapted is not None:
            return self.adapted.answers(x)
        if self.network is None:
            return np.zeros(len(x)), np.zeros(len(x))
        with torch.inference_mode():
            level, elasticity = self.network(torch.as_tensor(self._scaled(x)))
        return level.numpy(), elasticity.numpy()

    def forecast(self, articles: pd.DataFrame, history: pd.DataFrame, week: date) -> Forecast:
        """The networks are asked once for each article and week. Its rungs differ by the elasticity alone."""
        if articles.empty:
            return Forecast.for_no_articles("NeuralNetwork")
        known = self.running.now(articles, history)

        def units(prices: FloatArray, weeks: int) -> FloatArray:
            x, rate = self.running.asked(known, articles, week, prices[:, :1], weeks)
            level, elasticity = self._answers(x)
            first = rate * np.exp(level - elasticity * x[:, PRICE_CHANGE])
            response, shape = elasticity.reshape(-1, 1, weeks) + LEAST_ELASTICITY, (len(articles), 1, weeks)
            return first.reshape(shape) * np.exp(-response * np.log(prices / prices[:, :1])[:, :, None])

        level_sd = self.running.level_sd(known)
        return Forecast(
            "NeuralNetwork",
            units,
            dispersion=self.running.dispersion,
            level_sd=lambda weeks: np.repeat(level_sd[:, None], weeks, axis=1),
        )

    def to_bytes(self) -> bytes:
        """Plain JSON, so that whoever loads a model need not trust whoever wrote it."""
        weights = self.network and {name: values.tolist() for name, values in self.network.state_dict().items()}
        plain = {"mean": self.mean.tolist(), "scale": self.scale.tolist(), "device": self.device}
        adapted = self.adapted and self.adapted.to_dict()
        parts = {"running": self.running.to_dict(), "weights": weights, "adapted": adapted}
        return json.dumps({**parts, **plain}).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        saved = json.loads(data)
        network = None
        if saved["weights"]:
            weights = {name: torch.tensor(values, dtype=torch.float64) for name, values in saved["weights"].items()}
            network = Demand(len(saved["mean"])).double()
            network.load_state_dict(weights)
        running, mean, scale = (
            RunningRate.from_dict(saved["running"]),
            np.array(saved["mean"]),
            np.array(saved["scale"]),
        )
        adapted = saved["adapted"] and Adapted.from_dict(saved["adapted"], running.categories)
        return cls(running, network, mean, scale, saved["device"], adapted)
