"""Secrets in texts and in the bytes of logs."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.domain import masking
from penstock.executors.process import logs
from penstock.stores.files.attempt_logs import AttemptLogFiles

_SECRETS = ("hunter22", "päss wörd", "first line\nsecond line", "abc")


def test_texts_lose_values_and_lines_of_values_but_not_the_shortest() -> None:
    text = masking.mask("hunter22, päss wörd, second line, first line, abc", _SECRETS)
    assert text == "***, ***, ***, ***, abc"


@pytest.mark.parametrize("chunk", [16, 17, 23, 1 << 18])
def test_a_log_keeps_its_length_and_loses_what_lies_across_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(logs, "CHUNK_BYTES", chunk)
    text = "".join(f"{number} hunter22 päss wörd.\n" for number in range(40)).encode()
    log = tmp_path / "log"
    log.write_bytes(text)
    logs.blank(log, masking.bytes_of(_SECRETS))
    assert log.read_bytes() == text.replace(b"hunter22", b"*" * 8).replace("päss wörd".encode(), b"*" * 11)
    logs.blank(tmp_path / "none", masking.bytes_of(_SECRETS))


def test_every_range_of_a_running_log_is_masked(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "r" / "t" / "0"
    folder.mkdir(parents=True)
    text = b"begin hunter22 and hunter22hunter22 end\n"
    (folder / "log").write_bytes(text)
    masked = text.replace(b"hunter22", b"********")
    files = AttemptLogFiles(tmp_path, lambda run_id, task_id, attempt: masking.bytes_of(_SECRETS) if attempt == 0 else ())
    for offset in range(len(text) + 2):
        for length in (1, 5, 100):
            assert files.read("r", "t", 0, offset=offset, length=length) == masked[offset : offset + length]
