"""Numbers with what they count."""

import pytest

from penstock.web.messages import all_messages
from penstock.web.render import environment
from penstock.web.texts.i18n import ONE, translate


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


def test_sentences_about_one_are_in_the_singular() -> None:
    assert translate("en", "{count} of at most {most} runs are active", count=1, most=3) == "1 of at most 3 runs is active"
    assert translate("en", "Start {count} runs", count=2) == "Start 2 runs"
    assert translate("ko", "Start {count} runs", count=1) == translate("ko", "Start {count} runs", count=2).replace("2", "1")
    assert ONE.keys() <= all_messages()
