"""Countries are rows of a file that an analyst edits."""

from datetime import date
from pathlib import Path

import pytest

from markdown_pricing.countries import (
    CENT_ENDINGS,
    BadCountries,
    Country,
    NotACountry,
    PriceEnding,
    UnknownCountries,
    read_countries,
    split_countries,
    unconfigured,
)
from markdown_pricing.currencies import BadCurrencies, read_currencies
from markdown_pricing.defaults import COUNTRIES_FILE

HEAD = "country,name,currency,price_endings\n"
IN_ORDER = (
    "DEU AUT NLD FRA ESP ITA POL CZE SVK HUN ROU BGR GRC HRV SVN SRB BIH MKD ALB MNE XKX BEL LUX CHE DNK SWE NOR FIN "
    "EST LVA LTU UKR MDA RUS BLR KAZ GEO ARM AZE TUR PRT IRL CYP MLT ARE"
)


def test_the_45_countries_come_in_their_agreed_order() -> None:
    assert " ".join(read_countries()) == IN_ORDER


def test_a_46th_country_is_one_row(tmp_path: Path) -> None:
    file = tmp_path / "countries.csv"
    file.write_text(COUNTRIES_FILE.read_text() + "ISL,Iceland,ISK,90\n")

    assert list(read_countries(file))[-1] == "ISL"
    assert read_countries(file)["ISL"].price_endings == (PriceEnding(9000, 10000),)


def test_prices_end_in_99_or_95_cents_unless_the_currency_has_none_in_use() -> None:
    countries = read_countries()

    assert countries["DEU"].price_endings == CENT_ENDINGS
    assert all(ending.cents % 100 == 0 for code in ("HUN", "SRB") for ending in countries[code].price_endings)


def test_every_fault_of_the_file_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "countries.csv"
    file.write_text(
        HEAD
        + "DEU,Germany,EUR,.99\n"
        + "DEU,Germany,EUR,.99\n"
        + "FRA,France,EURO,.99\n"
        + "Italy,,EUR,.99\n"
        + "ESP,Spain,EUR,cheap\n"
        + "PRT,Portugal,EUR,\n"
    )

    with pytest.raises(BadCountries) as raised:
        read_countries(file)

    assert [fault.partition(":")[0] for fault in raised.value.faults] == [f"line {line}" for line in (3, 4, 5, 6, 7)]
    for expected in (
        "line 3: DEU stands there twice",
        'line 4: currency = "EURO": it should be three capital letters',
        'line 5: country = "Italy": it should be three capital letters',
        "line 6: price_endings = \"cheap\": it should be price endings such as .99 .95: 'cheap' is no price ending",
        'line 7: price_endings = "": it should have at least 1 of them',
    ):
        assert expected in str(raised.value)


@pytest.mark.parametrize("content", ["", HEAD, "country,name\nDEU,Germany\n"])
def test_a_file_without_countries_or_columns_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "countries.csv"
    file.write_text(content)

    with pytest.raises(BadCountries):
        read_countries(file)


def test_a_time_zone_which_nobody_reads_any_more_gives_one_warning(tmp_path: Path) -> None:
    file = tmp_path / "countries.csv"
    file.write_text("country,name,currency,time_zone,price_endings\nDEU,Germany,EUR,Europe/Berlin,.99\n")

    with pytest.warns(UserWarning, match=r"countries\.csv: nobody reads the column time_zone") as warned:
        assert list(read_countries(file)) == list(read_countries(file)) == ["DEU"]

    assert len(warned) == 1


def test_a_spreadsheet_s_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "countries.csv"
    file.write_text(HEAD + "DEU,Germany,EUR,.99\n", encoding="utf-8-sig")

    assert list(read_countries(file)) == ["DEU"]


def test_only_configured_countries_can_be_chosen_and_all_others_are_named() -> None:
    countries = read_countries()

    assert countries.choose(["AUT", " DEU", "AUT"]) == ["AUT", "DEU"]
    with pytest.raises(UnknownCountries, match="USA, deu"):
        countries.choose(["AUT", "USA", "deu"])


@pytest.mark.parametrize("named", [[], [""], ["DEU", ""]])
def test_an_empty_country_is_an_unknown_one(named: list[str]) -> None:
    with pytest.raises(UnknownCountries):
        read_countries().choose(named)


def test_groups_are_contiguous_and_of_near_equal_length() -> None:
    assert split_countries(["DEU", "AUT", "NLD", "FRA", "ESP", "ITA"], 3) == [
        ["DEU", "AUT"],
        ["NLD", "FRA"],
        ["ESP", "ITA"],
    ]
    groups = split_countries(list(read_countries()), 7)
    assert [len(group) for group in groups] == [7, 7, 7, 6, 6, 6, 6]
    assert [code for group in groups for code in group] == list(read_countries())


def test_there_are_never_more_groups_than_countries() -> None:
    assert split_countries(["DEU"], 3) == [["DEU"]]
    assert split_countries([], 3) == []
    with pytest.raises(ValueError, match="at least one"):
        split_countries(["DEU"], 0)


def test_a_country_that_no_file_describes_has_the_default_price_endings() -> None:
    assert unconfigured("ISL").price_endings == CENT_ENDINGS
    with pytest.raises(NotACountry, match="three capital letters"):
        unconfigured("isl")


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "1e2", "0", "", ".", "٩٩", "1_0", " 9"])
def test_what_is_no_price_ending_is_named(text: str) -> None:
    """Whatever Decimal takes."""
    with pytest.raises(ValueError, match="is no price ending"):
        PriceEnding.parse(text)


def test_a_countrys_currency_is_that_of_the_week(tmp_path: Path) -> None:
    file = tmp_path / "currencies.csv"
    file.write_text("country,currency,since,factor,currency_before\nBGR,EUR,2026-01-05,1.95583,BGN\n")
    countries = read_countries(currencies=file)
    in_weeks = [countries.in_week("BGR", week).currency for week in (date(2025, 12, 29), date(2026, 1, 5))]
    assert in_weeks == ["BGN", "EUR"]
    assert countries.in_week("HUN", date(2026, 1, 5)).currency == "HUF"


def test_a_currency_has_its_rate_in_euros_and_the_day_of_it() -> None:
    """Of the euro it is 1, whatever the file says; of a currency that the file does not speak of it is not known."""
    countries = read_countries()

    assert all(country.eur_per_unit and country.eur_date for country in countries.values())
    assert countries["HUN"].in_eur(1_000) == pytest.approx(1_000 * (countries["HUN"].eur_per_unit or 0))
    assert Country("AUT").in_eur(7.5) == 7.5
    assert countries.in_week("BGR", date(2025, 12, 29)).in_eur(7.5) is None


def test_a_file_without_rates_is_read_and_knows_none(tmp_path: Path) -> None:
    file = tmp_path / "countries.csv"
    file.write_text(HEAD + "DEU,Germany,EUR,.99\nHUN,Hungary,HUF,90\n")
    countries = read_countries(file)

    assert (countries["DEU"].in_eur(10), countries["HUN"].in_eur(10)) == (10, None)


def test_a_rate_that_cannot_be_one_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "countries.csv"
    rates = ["HUN,,HUF,90,-1,2026-11-27", "SRB,,RSD,90,many,2026-11-27", "POL,,PLN,.99,0.2,", "CZE,,CZK,9,0.04,soon"]
    rates += ["AUT,,EUR,.99,1.1,2026-11-27", "CHE,,CHF,.99,nan,2026-11-27", "SWE,,SEK,9,,"]
    file.write_text(HEAD.replace("\n", ",eur_per_unit,eur_date\n") + "\n".join(rates))

    with pytest.raises(BadCountries) as raised:
        read_countries(file)

    assert list(raised.value.faults) == [
        'line 2: eur_per_unit = "-1": it should be above 0',
        'line 3: eur_per_unit = "many": it should be a number',
        'line 4: eur_date = "": it should be the day of the rate in eur_per_unit, like 2026-12-21',
        'line 5: eur_date = "soon": it should be a date like 2026-12-21',
        'line 6: eur_per_unit = "1.1": it should be 1, as one euro is one euro',
        'line 7: eur_per_unit = "nan": it should be a number',
    ]


def test_every_fault_of_a_currencies_file_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "currencies.csv"
    lines = ["BGR,EUR,2026-01-05,1.95583", "BGR,EUR,2026-01-05,2", "bgr,EUR,2026-01-05,2", "HRV,EUR,2026-01-06,2"]
    lines += ["HRV,EUR,2026-01-05,nan", "HRV,EUR,2026-01-05,0", "HRV,EUR"]
    file.write_text("country,currency,since,factor\n" + "\n".join(lines))
    with pytest.raises(BadCurrencies) as caught:
        read_currencies(file)
    assert [fault.partition(":")[0] for fault in caught.value.faults] == [f"line {number}" for number in range(3, 9)]
    file.write_text("country;currency\n")
    with pytest.raises(BadCurrencies, match="lacks country, currency, since, factor"):
        read_currencies(file)
