import numpy as np

from markdown_pricing.sample.dice import gamma_quantile, integer, normal, poisson_quantile, uniform

MANY = np.arange(100_000)


def test_a_number_depends_on_its_keys_alone() -> None:
    """Asked alone or among others, a key has the same number; another key has another."""
    assert uniform(1, "luck", MANY)[4711] == uniform(1, "luck", 4711)
    assert len(np.unique(uniform(1, "luck", MANY))) == len(MANY)
    assert uniform(1, "luck", 4711) != uniform(2, "luck", 4711)


def test_numbers_are_spread_evenly_and_neighbours_have_nothing_in_common() -> None:
    numbers = uniform(1, "luck", MANY)
    assert np.allclose(np.quantile(numbers, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.01)
    assert abs(np.corrcoef(numbers[1:], numbers[:-1])[0, 1]) < 0.02
    assert abs(np.corrcoef(numbers, uniform(2, "luck", MANY))[0, 1]) < 0.02


def test_whole_numbers_reach_both_ends() -> None:
    assert set(integer(3, 5, 1, "life", MANY)) == {3, 4, 5}


def test_normal_numbers_have_mean_0_and_spread_1() -> None:
    numbers = normal(1, "quality", MANY)
    assert abs(numbers.mean()) < 0.02
    assert abs(numbers.std() - 1) < 0.02


def test_counts_have_the_mean_and_the_variance_of_a_negative_binomial() -> None:
    """Variance = mean + dispersion · mean²."""
    mood = gamma_quantile(uniform(1, "mood", MANY), np.array(0.3))
    counts = poisson_quantile(uniform(1, "customers", MANY), 5 * mood)
    assert abs(counts.mean() - 5) < 0.1
    assert abs(counts.var() - (5 + 0.3 * 25)) < 0.4


def test_with_the_same_luck_a_higher_mean_never_sells_less() -> None:
    chance = uniform(1, "customers", MANY)
    assert (poisson_quantile(chance, np.array(6.0)) >= poisson_quantile(chance, np.array(5.0))).all()
    assert (poisson_quantile(chance, np.array(0.0)) == 0).all()
