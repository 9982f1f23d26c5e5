"""Names of downloads: any script, nothing that ends the header or names a folder."""

from __future__ import annotations

from urllib.parse import unquote

import pytest

from penstock.api.downloads import attachment


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("train-0.log", 'attachment; filename="train-0.log"'),
        ('a"; filename="b\r\nx: y/../c', 'attachment; filename="a___filename__b__x__y_.._c"'),
        ("", 'attachment; filename="file"'),
        ("naïve.csv", "attachment; filename=\"na_ve.csv\"; filename*=UTF-8''na%C3%AFve.csv"),
    ],
)
def test_a_name_is_told_in_a_header_that_holds_nothing_else(name: str, said: str) -> None:
    assert attachment(name) == said


@pytest.mark.parametrize("name", ["결과.csv", "学習済み.bin", "１.log"])
def test_names_beyond_ascii_arrive_whole(name: str) -> None:
    said = attachment(name)
    assert said.isascii()
    assert unquote(said.partition("filename*=UTF-8''")[2]) == name
