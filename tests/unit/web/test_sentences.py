"""Sentences of the engine and of notices are told in the reader's language, with their names and numbers."""

from __future__ import annotations

import pytest

from penstock.web.texts.i18n import messages
from penstock.web.texts.sentences import PATTERNS, field_words, say


@pytest.mark.parametrize(
    ("sentence", "korean", "japanese"),
    [
        (
            "parameter(s) required by pipeline are not provided: rate, rows",
            "파이프라인에 필요한 매개변수가 없습니다: rate, rows",
            "パイプラインに必要なパラメータがありません: rate, rows",
        ),
        (
            "the container's image pull policy: recorded only, images are not pulled",
            "컨테이너의 이미지 가져오기 정책: 기록만 함, 이미지를 가져오지 않습니다",
            "コンテナのイメージ取得ポリシー: 記録のみ、イメージは取得しません",
        ),
        ("input `x`, the code and the image changed", "바뀐 것: 입력 `x`, 코드, 이미지", "変わったもの: 入力 `x`、コード、イメージ"),
        ("skipped because `load` failed", "`load`이(가) 실패하여 건너뜀", "`load` が失敗したためスキップ"),
    ],
)
def test_a_sentence_is_told_in_the_readers_language(sentence: str, korean: str, japanese: str) -> None:
    assert say("ko", sentence) == korean
    assert say("ja", sentence) == japanese
    assert say("en", sentence) == sentence


@pytest.mark.parametrize("sentence", ["", "exit code 1: ValueError: no such thing, and more", "{names} waits for {name}"])
def test_a_sentence_that_is_not_known_stays_as_it_is(sentence: str) -> None:
    assert say("ko", sentence) == sentence


@pytest.mark.parametrize("language", ["ko", "ja"])
def test_every_pattern_and_every_word_of_a_field_is_translated(language: str) -> None:
    assert {*PATTERNS, *field_words()} <= messages(language).keys()
