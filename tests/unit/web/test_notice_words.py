"""Finished English sentences in the reader's language, and that no notice of a page is forgotten."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from penstock.web.texts import notice_words
from penstock.web.texts.notice_words import said

PAGES = Path(notice_words.__file__).parents[1] / "pages"


@pytest.mark.parametrize(
    ("text", "korean"),
    [
        ("Saved.", "저장했습니다."),
        ("Archived 2 of 3 runs.", "실행 3건 중 2건: 보관됨"),
        ("lake was removed.", "삭제했습니다: lake"),
        ("There is no run BrokenFlow/99.", "실행 BrokenFlow/99을(를) 찾을 수 없습니다."),
        ("There is no recurring run 7.", "반복 실행 7을(를) 찾을 수 없습니다."),
        ("no heartbeat for more than 360 seconds", "360초 넘게 하트비트가 없음"),
        ("ValueError: column 'price' is missing", "ValueError: column 'price' is missing"),
        ("{name} was removed.", "삭제했습니다: {name}"),
    ],
)
def test_sentences_are_recognised(text: str, korean: str) -> None:
    assert said("ko", text) == korean
    assert said("en", text) == text


def notices() -> set[str]:
    """What page modules say in notices, with `x` for each value; those that are put together elsewhere are left out."""
    found = set()
    for path in PAGES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Notice" and node.args:
                first = node.args[0]
                found |= {_text(part) for part in ((first.body, first.orelse) if isinstance(first, ast.IfExp) else (first,))}
    return found - {""}


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "7" for part in node.values)
    return ""


def test_every_notice_is_known_in_every_language() -> None:
    unknown = {text for text in notices() if said("ja", text) == text and text != "7."}
    assert unknown == set()
