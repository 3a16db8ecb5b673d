"""The network that all countries learn together, once a week, in batches and a width that fill a GPU.

    demand = running rate · exp(level(x) + shift) · (price / recent price)^−(stretch · (LEAST_ELASTICITY + response(x)))

`DemandModel.learn_together` learns the network; shift and stretch are a country's own (adapted.py). The network never
sees the price, and stretch is above 0, so that demand falls with the price whatever both learn. Country and category
are embeddings. The first row of each stands for what was never seen, and is learnt by hiding some of what was.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from examples.running_rate import CATEGORY, PRICE_CHANGE, RunningRate
from markdown_pricing.arrays import FloatArray, IntArray
from markdown_pricing.demand.sold_out import fill_sold_out

WIDTH, EMBEDDED = 256, 8
EPOCHS, BATCH = 20, 4_096
LEAST_STEPS, LEAST_BATCH = 50, 512
"""Where there are few rows, an epoch takes so many steps, in smaller batches."""
LEARNING_RATE, WEIGHT_DECAY = 3e-3, 1e-2
HIDDEN_SHARE = 0.1
"""So many of the countries and categories are hidden from the network while it learns."""
LARGEST_LEVEL, LARGEST_ELASTICITY = 1.5, 5.0
ROWS_A_COUNTRY = 20_000
"""A country gives at most so many rows, 1.1 MB: 45 countries fit into 50 MB, and large ones drown no small ones."""


class Together(nn.Module):
    """From inputs without the price: the log of the level over the running rate, and the elasticity over the least."""

    def __init__(self, inputs: int, categories: int, countries: int) -> None:
        super().__init__()
        self.category, self.country = nn.Embedding(categories + 1, EMBEDDED), nn.Embedding(countries + 1, EMBEDDED)
        self.trunk = nn.Sequential(
            nn.Linear(inputs + 2 * EMBEDDED, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH), nn.SiLU(), nn.Linear(WIDTH, 2)
        )

    def forward(self, x: Tensor, category: Tensor, country: Tensor) -> tuple[Tensor, Tensor]:
        """Level and response, both (rows,), from x, (rows, inputs), and codes, (rows,), 0 where unknown."""
        said = self.trunk(torch.hstack([x, self.category(category), self.country(country)]))
        response = nn.functional.softplus(said[:, 1]).clamp(max=LARGEST_ELASTICITY)
        return LARGEST_LEVEL * torch.tanh(said[:, 0] / LARGEST_LEVEL), response


@dataclass(frozen=True)
class Rows:
    """What one country gives: a row for each forecast that could have been made in it, with what was sold.

    x : (rows, FEATURES), whose category is a place in `categories` ; rate, units, censored : (rows,)
    """

    x: FloatArray
    rate: FloatArray
    units: FloatArray
    censored: FloatArray
    categories: tuple[str, ...]

    @classmethod
    def of(cls, running: RunningRate, history: pd.DataFrame, seed: int) -> Self:
        """All that can be learnt from, at the running rates of the country."""
        x, rate, sold = running.training_rows(history, seed)
        units = np.maximum(sold["units"].to_numpy(dtype=np.float64), 0.0)
        return cls(x, rate, units, sold["censored"].to_numpy(dtype=np.float64), running.categories)

    def to_bytes(self, seed: int) -> bytes:
        """At most ROWS_A_COUNTRY of them, drawn at random, in single precision."""
        drawn = np.sort(np.random.default_rng(seed).permutation(len(self.x))[:ROWS_A_COUNTRY])
        numbers = {name: getattr(self, name)[drawn].astype(np.float32) for name in ("x", "rate", "units", "censored")}
        return packed({**numbers, "categories": np.array(self.categories, dtype=np.str_)})

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        saved = unpacked(data)
        categories = tuple(saved.pop("categories").tolist())
        return cls(**{name: values.astype(np.float64) for name, values in saved.items()}, categories=categories)


@dataclass(frozen=True)
class SharedNetwork:
    """The network, the mean and scale of its inputs, and the categories and countries that it has seen.

    data : its bytes ; device : where it was trained
    """

    network: Together
    mean: FloatArray
    scale: FloatArray
    categories: tuple[str, ...]
    countries: tuple[str, ...]
    device: str

    def answers(self, x: FloatArray, categories: Sequence[str], country: str) -> tuple[FloatArray, FloatArray]:
        """Level and response, both (rows,), of a country's rows; `categories` are those that x's codes number."""
        given = scaled(x, self.mean, self.scale), _codes(x, categories, self.categories)
        here = np.full(len(x), self.countries.index(country) + 1 if country in self.countries else 0)
        with torch.inference_mode():
            level, response = self.network(*(torch.as_tensor(values) for values in (*given, here)))
        return level.numpy(), response.numpy()

    def to_bytes(self) -> bytes:
        """Arrays of plain numbers and texts, so that whoever loads them need not trust whoever wrote them."""
        weights = {
            f"weight {name}": values.cpu().numpy().astype(np.float32)
            for name, values in self.network.state_dict().items()
        }
        texts = {"categories": self.categories, "countries": self.countries, "device": (self.device,)}
        plain = {name: np.array(values, dtype=np.str_) for name, values in texts.items()}
        return packed({**weights, "mean": self.mean, "scale": self.scale, **plain})

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """It answers in double precision, so that the same bytes give the same answers on every machine."""
        saved = unpacked(data)
        weights = {
            name.removeprefix("weight "): torch.tensor(values, dtype=torch.float64)
            for name, values in saved.items()
            if name.startswith("weight ")
        }
        categories, countries = (tuple(saved[name].tolist()) for name in ("categories", "countries"))
        network = Together(len(saved["mean"]), len(categories), len(countries)).double()
        network.load_state_dict(weights)
        return cls(network, saved["mean"], saved["scale"], categories, countries, str(saved["device"][0]))


def learn(contributions: Mapping[str, bytes], seed: int, threads: int, device: str) -> SharedNetwork | None:
    """Trained twice, as a country's network is: sold-out weeks are filled with the demand that was expected first.

    None when nothing was sold anywhere.
    """
    given = {country: Rows.from_bytes(data) for country, data in sorted(contributions.items())}
    given = {country: rows for country, rows in given.items() if rows.units.any()}
    if not given:
        return None
    countries, each = tuple(given), list(given.values())
    categories = tuple(sorted({category for rows in each for category in rows.categories}))
    x, rate, units, censored = (
        np.concatenate([getattr(rows, name) for rows in each]) for name in ("x", "rate", "units", "censored")
    )
    inputs = plain_inputs(x)
    mean, scale = inputs.mean(axis=0), np.maximum(inputs.std(axis=0), 1e-3)
    category = np.concatenate([_codes(rows.x, rows.categories, categories) for rows in each])
    country = np.repeat(np.arange(len(each)) + 1, [len(rows.x) for rows in each])
    with computing_alike(seed, threads):
        network = Together(inputs.shape[1], len(categories), len(countries)).to(device)
        training = _Training(network, scaled(x, mean, scale), category, country, x[:, PRICE_CHANGE], rate, device)
        training.learn(units, EPOCHS // 2 if censored.any() else EPOCHS, seed)
        if censored.any():
            filled, _ = fill_sold_out(units, censored > 0, training.expected(), np.full(len(x), 0.4))
            training.learn(filled, EPOCHS, seed + 1)
    return SharedNetwork(network.cpu(), mean, scale, categories, countries, device)


class _Training:
    """The rows on the device, where they stay, so that no batch waits for the next one's rows."""

    def __init__(
        self,
        network: Together,
        x: FloatArray,
        category: IntArray,
        country: IntArray,
        change: FloatArray,
        rate: FloatArray,
        device: str,
    ) -> None:
        self.network, self.device = network, device
        self.category, self.country = (torch.as_tensor(codes, device=device) for codes in (category, country))
        self.x, self.change, self.offset, self.weight = (
            torch.as_tensor(values, dtype=torch.float32, device=device)
            for values in (x, change, np.log(rate), 1.0 / (1.0 + 0.4 * rate))
        )

    def learn(self, demand: FloatArray, epochs: int, seed: int) -> None:
        """Minimise the Poisson deviance with the rate as exposure, weighted so that best sellers drown no others."""
        sold = torch.as_tensor(demand, dtype=torch.float32, device=self.device)
        optimizer = torch.optim.AdamW(self.network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        steps = max(len(sold) // BATCH, min(len(sold) // LEAST_BATCH, LEAST_STEPS), 1)
        pace = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=epochs * steps)
        drawn = np.random.default_rng(seed)
        for _ in range(epochs):
            order = torch.as_tensor(drawn.permutation(len(sold)), device=self.device)
            kept = torch.as_tensor(drawn.random((2, len(sold))) >= HIDDEN_SHARE, device=self.device)
            for rows in torch.tensor_split(order, steps):
                log_mean = self._log_mean(rows, kept)
                loss = (self.weight[rows] * (torch.exp(log_mean) - sold[rows] * log_mean)).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                pace.step()

    def _log_mean(self, rows: Tensor, kept: Tensor | None = None) -> Tensor:
        category, country = self.category[rows], self.country[rows]
        if kept is not None:
            category, country = category * kept[0, rows], country * kept[1, rows]
        level, response = self.network(self.x[rows], category, country)
        return self.offset[rows] + level - response * self.change[rows]

    def expected(self) -> FloatArray:
        """The demand of each row, (rows,)."""
        with torch.inference_mode():
            parts = [self._log_mean(rows) for rows in torch.arange(len(self.x), device=self.device).split(BATCH)]
        return np.exp(torch.cat(parts).cpu().numpy().astype(np.float64))


def plain_inputs(x: FloatArray) -> FloatArray:
    """All features but the price and the category, (rows, inputs)."""
    return np.delete(x, [PRICE_CHANGE, CATEGORY], axis=1)


def scaled(x: FloatArray, mean: FloatArray, scale: FloatArray) -> FloatArray:
    """Inputs in standard deviations, cut to ±4, because far from what it has seen a network may say anything."""
    return np.clip((plain_inputs(x) - mean) / scale, -4.0, 4.0)


def _codes(x: FloatArray, categories: Sequence[str], among: Sequence[str]) -> IntArray:
    """The place of each row's category in `among`, from 1 on; 0 for one that is not there."""
    place = {category: number for number, category in enumerate(among, start=1)}
    known = np.array([*(place.get(category, 0) for category in categories), 0])
    return known[np.where(np.isnan(x[:, CATEGORY]), len(categories), x[:, CATEGORY]).astype(np.int64)]


def packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Arrays as bytes that hold nothing but numbers and texts; equal ones give equal bytes."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    return file.getvalue()


def unpacked(data: bytes) -> dict[str, np.ndarray]:
    """What `packed` was given. Raises ValueError for an array of objects, which would run what it names."""
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


@contextmanager
def computing_alike(seed: int, threads: int) -> Iterator[None]:
    """In the block the same seed gives the same first weights, on `threads` threads; afterwards all is as before."""
    before = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)
