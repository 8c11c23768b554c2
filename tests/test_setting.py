"""What the text of a variable may be, and how a setting is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spancast import setting
from spancast.destinations import SettingsError
from spancast.setting import Setting, masked_url


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *[(word, True) for word in ("true", "TRUE", "1", "yes", "on")],
        *[(word, False) for word in ("false", "0", "No", " off ", "")],
    ],
)
def test_a_variable_that_is_true_or_false_has_several_spellings(value: str, expected: bool) -> None:
    """The words that people write for yes and no."""
    row = Setting(variables=("V",), meaning="", parse=setting.flag, keeps_empty=True)
    assert (expected, "V") == row.of_environment({"V": value})


@pytest.mark.parametrize(
    ("parse", "value", "part"),
    [
        (setting.flag, "maybe", "V='maybe' is neither true nor false: write true or false."),
        (setting.number, "10%", "V='10%' is no number"),
        (setting.number, "nan", "is no number"),
        (setting.number, "1e400", "is no number"),
        (setting.size, "inf", "is no number"),
        (setting.size, "1", "at least 1000"),
        (setting.rate, "0", "is not between 0.0001 and 1"),
        (setting.count, "-1", "no whole number"),
        (setting.count, "9" * 50, "no whole number"),
        (setting.folder, "~no-such-user-here/x", "names the home of a user who is not there"),
        (setting.folder, "a\0b", "NUL"),
    ],
)
def test_a_text_that_cannot_be_used_is_one_sentence(parse: object, value: str, part: str) -> None:
    """It begins with the variable's name."""
    with pytest.raises(SettingsError) as caught:
        parse(value, "V")  # type: ignore[operator]
    assert (True, True) == (str(caught.value).startswith("V"), part in str(caught.value))


def test_the_first_variable_that_is_set_counts() -> None:
    """An empty one is not set, unless the setting says that empty is a value."""
    row = Setting(variables=("A", "B"), meaning="", parse=setting.text)
    assert (("b", "B"), None) == (row.of_environment({"A": " ", "B": "b"}), row.of_environment({"A": ""}))
    empty = Setting(variables=("A",), meaning="", parse=setting.text, keeps_empty=True)
    assert ("", "A") == empty.of_environment({"A": ""})


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://c.example.com/v1/traces", "https://c.example.com/v1/traces"),
        ("https://user:pass@c/v1", "https://***@c/v1"),
        ("http://c/v1?api_key=abc&x=1", "http://c/v1?api_key=***&x=***"),
        ("http://c/v1?abcdef", "http://c/v1?***"),
        ("http://c/v1#token", "http://c/v1#***"),
        ("user:pass@c.example.com:4318", "***@c.example.com:4318"),
        ("http://[::1", "***"),
        ("checkout-agent", "checkout-agent"),
    ],
)
def test_a_url_is_shown_without_what_may_be_a_key(text: str, shown: str) -> None:
    """User, password, query and fragment are masked; host and path stay."""
    assert shown == masked_url(text)


@given(st.from_regex(r"[A-Za-z0-9]{8,20}", fullmatch=True), st.sampled_from(["user:{}@h", "h/p?k={}", "h?{}", "h#{}"]))
def test_no_secret_of_a_url_is_shown(secret: str, form: str) -> None:
    """Wherever it stands but in host and path."""
    assert secret not in masked_url("https://" + form.format(secret))
