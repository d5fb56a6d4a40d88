import pytest
from hypothesis import given
from hypothesis import strategies as st

from packs.payables.normal import clean_text, normal_iban, normal_name, normal_number


@pytest.mark.parametrize(
    "written",
    [
        "INV-0042",
        "inv 42",
        "Inv.00042",
        "INV/42",
        "\uff29\uff2e\uff36\uff0d\uff14\uff12",
        "ínv_42",
        "I\u200bNV42",
    ],
)
def test_one_number_written_in_many_ways_is_one(written: str) -> None:
    assert normal_number(written) == "INV42"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("INV-42", "INV-420"),
        ("INV-42", "INX-42"),
        ("2026/1", "2026/10"),
        ("A-1", "1-A"),
        ("0", "A"),
    ],
)
def test_different_numbers_stay_different(one: str, other: str) -> None:
    assert normal_number(one) != normal_number(other)


def test_a_number_of_zeros_is_zero() -> None:
    assert normal_number("000") == "0"


@pytest.mark.parametrize("empty", ["", " ", "-/-", "\u200b"])
def test_a_number_without_letters_or_digits_is_refused(empty: str) -> None:
    with pytest.raises(ValueError, match="at least one letter or digit"):
        normal_number(empty)


@given(st.text(min_size=1, max_size=40).filter(lambda text: any(map(str.isalnum, text))))
def test_a_normal_number_is_its_own_normal_form(text: str) -> None:
    try:
        once = normal_number(text)
    except ValueError:
        return

    assert normal_number(once) == once


@given(st.text())
def test_clean_text_is_its_own_clean_form(text: str) -> None:
    assert clean_text(clean_text(text)) == clean_text(text)


def test_an_iban_needs_its_check_digits() -> None:
    assert normal_iban("de89 3704 0044 0532 0130 00") == "DE89370400440532013000"
    assert normal_iban("DE88370400440532013000") is None
    assert normal_iban("DE8937040044053201300") is None
    assert normal_iban("IBAN32423940") is None


def test_names_compare_without_case_and_punctuation() -> None:
    assert normal_name("Müller & Söhne, GmbH.") == normal_name("MÜLLER SÖHNE GMBH")
