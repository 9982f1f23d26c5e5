"""Numbers with what they count."""

import pytest

from penstock.web.render import environment


@pytest.mark.parametrize(
    ("count", "nouns", "language", "said"),
    [
        (1, "kinds of lines", "en", "1 kind of lines"),
        (2, "kinds of lines", "en", "2 kinds of lines"),
        (1, "recurring runs", "en", "1 recurring run"),
        (1, "registries", "en", "1 registry"),
        (1, "kinds of lines", "ja", "1 種類の行"),
    ],
)
def test_one_of_a_kind_is_said_so(count: int, nouns: str, language: str, said: str) -> None:
    template = environment().from_string("{{ counted(count, nouns) }}")

    assert template.render(count=count, nouns=nouns, language=language) == said
