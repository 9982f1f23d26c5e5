"""What a failed attempt wrote last, as the page of its run shows it."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

from penstock.domain.runs import FlowRunChanged
from penstock.flows.reading import FlowReader
from penstock.interfaces.flow_files import DatastoreRoot, StoredFile
from penstock.web.live import _note

FOLDER = "F/7/work/3/"
FRAME = '  File "/env/site-packages/metaflow/task.py", line 113, in _exec_step_function'


def logged(*lines: str, source: str = "runtime") -> bytes:
    return b"".join(f"[MFLOG|0|2026-11-20T10:00:{number:02d}Z|{source}|x]{line}\n".encode() for number, line in enumerate(lines))


class Files:
    """A datastore with these files; says how much was read of it."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = files
        self.bytes_read = 0

    def read(self, root: DatastoreRoot, path: str, *, offset: int = 0, limit: int) -> bytes | None:
        data = self.files[path][offset : offset + limit]
        self.bytes_read += len(data)
        return data

    def list(self, root: DatastoreRoot, prefix: str) -> list[StoredFile]:
        return [StoredFile(path.removeprefix(prefix), len(data)) for path, data in self.files.items()]


async def words_of(files: Files) -> list[str]:
    async def metadata(*_: object) -> list[Any]:
        return [SimpleNamespace(field_name="ds-type", value="local"), SimpleNamespace(field_name="ds-root", value="/data")]

    async def names(_: str) -> list[Any]:
        return []

    store, secrets = SimpleNamespace(metadata=metadata), SimpleNamespace(names=names)
    reader = FlowReader(cast("Any", store), cast("Any", files), cast("Any", None), cast("Any", secrets))
    return await reader.last_words("F", "7", "work", "3", 1, count=2)


async def test_the_end_of_stderr_without_what_the_client_says_of_itself() -> None:
    error = logged("Traceback (most recent call last):", FRAME, "    step_function()", '  File "f.py", line 3, in work', "ValueError: why", "", "Task failed.")
    files = {f"{FOLDER}1.runtime_stderr.log": error, f"{FOLDER}1.runtime_stdout.log": logged("loud"), f"{FOLDER}0.task_stderr.log": logged("old")}
    assert await words_of(Files(files)) == ['  File "f.py", line 3, in work', "ValueError: why"]


async def test_stdout_where_stderr_is_empty_and_only_the_end_is_read() -> None:
    whole = logged(*(f"line {number}" for number in range(59)), source="task") * 200
    files = Files({f"{FOLDER}1.task_stderr.log": b"", f"{FOLDER}1.task_stdout.log": whole})
    assert await words_of(files) == ["line 58", "line 58"]
    assert files.bytes_read < len(whole) / 4


async def test_a_task_that_wrote_nothing_has_no_words() -> None:
    assert await words_of(Files({})) == []


def test_a_change_of_a_flows_run_is_pushed_by_its_path() -> None:
    changed: dict[str, dict[str, object]] = {}
    _note(changed, FlowRunChanged("F/7"))
    assert changed == {"F/7": {"run": "F/7"}}
