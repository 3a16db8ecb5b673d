"""What is said of a comparison, and what is not."""

from markdown_pricing.arms.effect import Effect
from markdown_pricing.arms.sentence import ComparisonResult

FOUND = Effect(value=0.041, low=0.010, high=0.074, detectable=0.05, held=36, cells=140)
UNSURE = Effect(value=0.041, low=-0.010, high=0.094, detectable=0.08, held=36, cells=140)


def test_a_season_that_is_over_has_an_effect_with_its_interval_and_a_factor() -> None:
    result = ComparisonResult("SS26", FOUND, reckoned=0.06, ended=4_000, open_articles=0)

    assert result.status == "final"
    assert result.sentence == (
        "In season SS26 the plan brought 4.1 % more revenue than the old habit, with 19 chances in 20 between +1.0 and "
        "+7.4 % (4,000 articles, 36 of 140 cells held on the habit; 5.0 % would have been found with 4 chances in 5). "
        "The model reckoned +6.0 %: multiply its reckoning by 0.68 (0.17 to 1.23)."
    )


def test_it_is_interim_while_an_article_is_on_sale() -> None:
    result = ComparisonResult("SS26", FOUND, reckoned=None, ended=4_000, open_articles=1)

    assert result.status == "interim"
    assert result.sentence.startswith(
        "Interim, with 1 article still on sale: in season SS26 the plan brought 4.1 % more"
    )
    assert result.factor is None


def test_an_interval_that_holds_0_is_called_no_difference() -> None:
    result = ComparisonResult("SS26", UNSURE, reckoned=None, ended=4_000, open_articles=0)

    assert "no difference between plan and old habit can be told: it lies between -1.0 and +9.4 %" in result.sentence
    assert "more revenue" not in result.sentence


def test_before_both_arms_have_an_article_that_has_ended_nothing_is_known() -> None:
    result = ComparisonResult("SS26", None, reckoned=0.06, ended=0, open_articles=20)

    assert result.status == "interim"
    assert "nothing is known" in result.sentence


def test_a_model_that_reckoned_no_gain_has_no_factor() -> None:
    assert ComparisonResult("SS26", FOUND, reckoned=-0.01, ended=4_000, open_articles=0).factor is None
