"""The network that all countries learn together, once a week, in batches and a width that fill a GPU.

    demand = running rate · exp(level(x) + shift) · (price / recent price)^−(stretch · (LEAST_ELASTICITY + response(x)))

`DemandModel.learn_together` learns the network; shift and stretch are a country's own (adapted.py). The network never
sees the price, and stretch is above 0, so that demand falls with the price whatever both learn. Country and category
are embeddings. The first row of each stands for what was never seen, and is learnt by hiding some of what was.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from examples.contribution import Rows, packed, unpacked
from examples.running_rate import CATEGORY, LEAST_ELASTICITY, PRICE_CHANGE
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
LASTING = [1, 2, 3, 4, 8]
"""The inputs that do not tell what the week before sold: age, share of life, season and list price."""


class Together(nn.Module):
    """From inputs without the price: the level over the running rate and a drift, in logs, and the elasticity."""

    def __init__(self, inputs: int, categories: int, countries: int) -> None:
        super().__init__()
        self.category, self.country = nn.Embedding(categories + 1, EMBEDDED), nn.Embedding(countries + 1, EMBEDDED)
        self.level, self.response = _wide(inputs + 2 * EMBEDDED, 1), _wide(len(LASTING) + 2 * EMBEDDED, 2)

    def forward(self, x: Tensor, category: Tensor, country: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """All (rows,), from x, (rows, inputs), and codes, (rows,), 0 where unknown.

        The elasticity is that above LEAST_ELASTICITY. The drift is of demand from the week before, at the same price.
        """
        where = self.category(category), self.country(country)
        level = self.level(torch.hstack([x, *where]))[:, 0]
        said = self.response(torch.hstack([x[:, LASTING], *where]))
        response = nn.functional.softplus(said[:, 0]).clamp(max=LARGEST_ELASTICITY)
        return LARGEST_LEVEL * torch.tanh(level / LARGEST_LEVEL), response, said[:, 1]


def _wide(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH), nn.SiLU(), nn.Linear(WIDTH, outputs)
    )


@dataclass(frozen=True)
class SharedNetwork:
    """The network, the mean and scale of its inputs, and the categories and countries that it has seen.

    device : where it was trained
    """

    network: Together
    mean: FloatArray
    scale: FloatArray
    categories: tuple[str, ...]
    countries: tuple[str, ...]
    device: str

    def answers(
        self, x: FloatArray, categories: Sequence[str], country: str
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Level, response and drift of a country's rows, all (rows,); `categories` are those that x's codes number."""
        given = scaled(x, self.mean, self.scale), _codes(x, categories, self.categories)
        here = np.full(len(x), self.countries.index(country) + 1 if country in self.countries else 0)
        with torch.inference_mode():
            level, response, drift = self.network(*(torch.as_tensor(values) for values in (*given, here)))
        return level.numpy(), response.numpy(), drift.numpy()

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
    rows = Rows.together(each)
    x, units, censored = rows.x, rows.units, rows.censored
    inputs = plain_inputs(x)
    mean, scale = inputs.mean(axis=0), np.maximum(inputs.std(axis=0), 1e-3)
    category = np.concatenate([_codes(one.x, one.categories, categories) for one in each])
    country = np.repeat(np.arange(len(each)) + 1, [len(one.x) for one in each])
    with computing_alike(seed, threads):
        network = Together(inputs.shape[1], len(categories), len(countries)).to(device)
        training = _Training(network, scaled(x, mean, scale), category, country, rows, device)
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
        rows: Rows,
        device: str,
    ) -> None:
        self.network, self.device = network, device
        self.category, self.country = (torch.as_tensor(codes, device=device) for codes in (category, country))
        weight, of_pair, before = 1.0 / (1.0 + 0.4 * rows.rate), rows.weight_of_pairs(), np.nan_to_num(rows.before)
        self.x, self.change, self.offset, self.weight = self._there(
            x, rows.x[:, PRICE_CHANGE], np.log(rows.rate), weight
        )
        self.step, self.before, self.after, self.of_pair = self._there(rows.step, before, rows.units, of_pair)

    def _there(self, *each: FloatArray) -> list[Tensor]:
        return [torch.as_tensor(values, dtype=torch.float32, device=self.device) for values in each]

    def learn(self, demand: FloatArray, epochs: int, seed: int) -> None:
        """Minimise the Poisson deviance with the rate as exposure, weighted so that best sellers drown no others.

        The response is learnt from pairs of weeks alone: how many of both weeks' units each of them sold. Whether an
        article sells fast or slowly cancels there, and so does that a manager marks down the slow ones.
        """
        [sold] = self._there(demand)
        optimizer = torch.optim.AdamW(self.network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        steps = max(len(sold) // BATCH, min(len(sold) // LEAST_BATCH, LEAST_STEPS), 1)
        pace = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=epochs * steps)
        drawn = np.random.default_rng(seed)
        for _ in range(epochs):
            order = torch.as_tensor(drawn.permutation(len(sold)), device=self.device)
            kept = torch.as_tensor(drawn.random((2, len(sold))) >= HIDDEN_SHARE, device=self.device)
            for rows in torch.tensor_split(order, steps):
                log_mean, log_ratio = self._answers(rows, kept)
                level = self.weight[rows] * (torch.exp(log_mean) - sold[rows] * log_mean)
                log_share, log_rest = nn.functional.logsigmoid(log_ratio), nn.functional.logsigmoid(-log_ratio)
                pair = self.of_pair[rows] * (self.after[rows] * log_share + self.before[rows] * log_rest)
                loss = (level - pair).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                pace.step()

    def _answers(self, rows: Tensor, kept: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The log of the rows' demand, and of it over that of the week before, both (rows,)."""
        category, country = self.category[rows], self.country[rows]
        if kept is not None:
            category, country = category * kept[0, rows], country * kept[1, rows]
        level, response, drift = self.network(self.x[rows], category, country)
        log_mean = self.offset[rows] + level - response.detach() * self.change[rows]
        return log_mean, drift - (LEAST_ELASTICITY + response) * self.step[rows]

    def expected(self) -> FloatArray:
        """The demand of each row, (rows,)."""
        with torch.inference_mode():
            parts = [self._answers(rows)[0] for rows in torch.arange(len(self.x), device=self.device).split(BATCH)]
        demand: FloatArray = np.exp(torch.cat(parts).cpu().numpy().astype(np.float64))
        return demand


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
