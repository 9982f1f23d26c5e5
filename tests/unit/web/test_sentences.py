"""Sentences of the engine and of notices are told in the reader's language, with their names and numbers."""

from __future__ import annotations

import pytest

from penstock.domain.errors import InvalidArgumentError, SpecError
from penstock.web.texts.i18n import messages
from penstock.web.texts.sentences import PATTERNS, field_words, say, say_error


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
        ("`fit` failed: exit code 1: ValueError: a, and b", "`fit` 실패: 종료 코드 1: ValueError: a, and b", "`fit` が失敗: 終了コード 1: ValueError: a, and b"),
        ("cron '5 4 * * *' has 5 fields; six are needed: second minute hour day month weekday", "cron '5 4 * * *'에는 필드가 5개 있습니다. 여섯 개가 필요합니다: 초 분 시 일 월 요일", "cron '5 4 * * *' のフィールドは 5 個です。6 つが必要です: 秒 分 時 日 月 曜日"),
        ("'x@' is no e-mail address", "'x@'은(는) 이메일 주소가 아닙니다", "'x@' はメールアドレスではありません"),
        (
            "'<b>x' cannot be the name of a secret: use lower-case letters, digits, '-' and '.', with a letter or a digit first and last",
            "'<b>x'은(는) secret의 이름이 될 수 없습니다. 소문자, 숫자, '-', '.'만 쓰고 글자나 숫자로 시작하고 끝나야 합니다",
            "'<b>x' は secret の名前にできません。小文字、数字、'-'、'.' を使い、先頭と末尾は文字か数字にしてください",
        ),
        ("exit code 3; the log is empty", "종료 코드 3; 로그가 비어 있습니다", "終了コード 3; ログは空です"),
        ("skipped because `load` failed", "`load`이(가) 실패하여 건너뜀", "`load` が失敗したためスキップ"),
    ],
)
def test_a_sentence_is_told_in_the_readers_language(sentence: str, korean: str, japanese: str) -> None:
    assert say("ko", sentence) == korean
    assert say("ja", sentence) == japanese
    assert say("en", sentence) == sentence


@pytest.mark.parametrize("sentence", ["", "ValueError: exit code 1: no such thing, and more", "{names} waits for {name}"])
def test_a_sentence_that_is_not_known_stays_as_it_is(sentence: str) -> None:
    assert say("ko", sentence) == sentence


@pytest.mark.parametrize(
    ("error", "korean"),
    [
        (SpecError("no task 'load' in this dag (line 12)", place="root.dag.tasks.train"), "root.dag.tasks.train: 이 dag에 태스크 'load'이(가) 없습니다 (12행)"),
        (SpecError("not JSON: Expecting ',' delimiter: line 3 column 7 (char 40)", place="a.json"), "a.json: JSON이 아닙니다: 쉼표(,)가 필요합니다: 3행 7열(40번째 문자)"),
        (SpecError("the file is empty", place="a.yaml"), "a.yaml: 파일이 비어 있습니다"),
        (InvalidArgumentError("lr has to be a number; 'x' is not."), "lr은(는) 숫자여야 합니다. 'x'은(는) 아닙니다."),
        (InvalidArgumentError("something else (line 3)"), "something else (3행)"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_definition_is_told_in_the_readers_language_and_its_place_stays(error: Exception, korean: str) -> None:
    assert say_error("ko", error) == korean
    assert say_error("en", error) == str(error)


@pytest.mark.parametrize("sentence", ["SyntaxError: exit code 1 (line 3)", "Expecting value: line 1 column 1 (char 0)"])
def test_what_a_program_says_itself_stays_as_it_is(sentence: str) -> None:
    assert say("ko", sentence) == sentence


@pytest.mark.parametrize("language", ["ko", "ja"])
def test_every_pattern_and_every_word_of_a_field_is_translated(language: str) -> None:
    assert {*PATTERNS, *field_words()} <= messages(language).keys()
