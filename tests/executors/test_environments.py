from __future__ import annotations

import asyncio
import os
import zipfile
from pathlib import Path

import pytest

from penstock.domain.errors import TaskError
from penstock.domain.execution import EnvironmentRequest, FailureKind
from penstock.executors.process.environment_list import RECORD, list_environments
from penstock.executors.process.environments import Environments, EnvironmentSettings, locked_packages
from penstock.executors.process.interpreters import Interpreters


def make_wheel(folder: Path, name: str, version: str, requires: str = "") -> None:
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        needs = f"Requires-Dist: {requires}\n" if requires else ""
        archive.writestr(f"{name}.py", f"version = {version!r}\n")
        archive.writestr(f"{name}-{version}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}")
        wheel = "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr(f"{name}-{version}.dist-info/WHEEL", wheel)
        archive.writestr(f"{name}-{version}.dist-info/RECORD", "")


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    make_wheel(folder, "penstockalpha", "1.0")
    make_wheel(folder, "penstockalpha", "2.0")
    make_wheel(folder, "penstockbeta", "1.0", "penstockalpha<2")
    return folder


@pytest.fixture
async def environments(tmp_path: Path, wheels: Path):
    settings = EnvironmentSettings(find_links=(str(wheels),), is_offline=True)
    built = Environments(tmp_path / "envs", Interpreters({}, is_strict=False), settings)
    yield built
    await built.close()


async def test_a_request_is_built_once_and_found_again_by_the_next_server(environments: Environments, tmp_path: Path, wheels: Path) -> None:
    notes: list[str] = []
    first = await environments.prepare(EnvironmentRequest(requirements=("penstockalpha",)), notes.append)
    assert (first.site_packages / "penstockalpha.py").read_text() == "version = '2.0'\n"
    assert any("built in" in note for note in notes)
    notes.clear()
    assert await environments.prepare(EnvironmentRequest(requirements=("penstockalpha",)), notes.append) == first
    assert notes == []
    settings = EnvironmentSettings(find_links=(str(wheels),), is_offline=True)
    later = Environments(tmp_path / "envs", Interpreters({}, is_strict=False), settings)
    assert (await later.prepare(EnvironmentRequest(requirements=("penstockalpha",)), notes.append)).path == first.path
    assert notes == []


async def test_what_a_request_would_come_upon_is_foretold_without_building(environments: Environments, tmp_path: Path) -> None:
    request = EnvironmentRequest(requirements=("penstockalpha",))
    before = await environments.foretell(request)
    assert (before.state, before.last_build_seconds) == ("missing", None)
    assert not (tmp_path / "envs").exists()
    built = await environments.prepare(request, lambda text: None)
    after = await environments.foretell(request)
    assert after.state == "built"
    assert after.python == built.interpreter.full_version
    (built.path / RECORD).unlink()  # what is left counts for nothing
    gone = await environments.foretell(request)
    assert gone.state == "missing"
    assert gone.last_build_seconds == after.last_build_seconds
    assert gone.last_build_seconds is not None


async def test_what_would_be_refused_is_foretold_with_the_reason(environments: Environments, tmp_path: Path) -> None:
    odd = await environments.foretell(EnvironmentRequest(requirements=("--index-url=http://x",)))
    assert odd.state == "refused"
    assert "is not a requirement" in odd.note
    other = await environments.foretell(EnvironmentRequest(python="3.99"))
    assert (other.state, other.note.startswith("the image asks for Python 3.99")) == ("missing", True)
    strict = Environments(tmp_path / "envs", Interpreters({}, is_strict=True), EnvironmentSettings())
    refused = await strict.foretell(EnvironmentRequest(python="3.99"))
    assert refused.state == "refused"
    assert "Python 3.99 is not available" in refused.note


async def test_an_environment_that_is_being_built_is_foretold_as_such(environments: Environments) -> None:
    request = EnvironmentRequest(requirements=("penstockbeta",))
    started = asyncio.Event()
    building = asyncio.create_task(environments.prepare(request, lambda text: started.set()))
    await started.wait()  # told that it takes time: it is under way
    assert (await environments.foretell(request)).state == "building"
    await building


async def test_concurrent_requests_wait_for_one_build(environments: Environments) -> None:
    notes: list[str] = []
    request = EnvironmentRequest(requirements=("penstockbeta",))
    built = await asyncio.gather(*(environments.prepare(request, notes.append) for _ in range(5)))
    assert len({environment.path for environment in built}) == 1
    assert sum("built in" in note for note in notes) == 1
    assert sum("waiting for" in note for note in notes) == 4


async def test_requests_that_resolve_to_the_same_share_an_environment(environments: Environments) -> None:
    one = await environments.prepare(EnvironmentRequest(requirements=("penstockalpha>=2",)), lambda text: None)
    two = await environments.prepare(EnvironmentRequest(requirements=("penstockalpha==2.0",)), lambda text: None)
    other = await environments.prepare(EnvironmentRequest(requirements=("penstockalpha<2",)), lambda text: None)
    assert one.path == two.path
    assert one.path != other.path


async def test_packages_without_dependencies_win_over_what_resolution_chose(environments: Environments) -> None:
    request = EnvironmentRequest(requirements=("penstockbeta",), no_deps=("penstockalpha==2.0",))
    environment = await environments.prepare(request, lambda text: None)
    assert "2.0" in (environment.site_packages / "penstockalpha.py").read_text()


async def test_constraints_hold(environments: Environments) -> None:
    request = EnvironmentRequest(requirements=("penstockalpha",), constraints=("penstockalpha<2",))
    environment = await environments.prepare(request, lambda text: None)
    assert "1.0" in (environment.site_packages / "penstockalpha.py").read_text()


@pytest.mark.parametrize(
    ("requirements", "word"),
    [
        (("penstock-no-such-package",), "^the packages cannot be installed together: .*penstock-no-such-package"),
        (("penstockbeta", "penstockalpha==2.0"), "unsatisfiable"),
        (("--index-url=http://evil.invalid",), "not a requirement"),
        (("not a requirement at all!",), "not a requirement at all!"),
    ],
)
async def test_what_cannot_be_provided_is_explained(environments: Environments, requirements: tuple[str, ...], word: str) -> None:
    with pytest.raises(TaskError, match=word) as caught:
        await environments.prepare(EnvironmentRequest(requirements=requirements), lambda text: None)
    assert caught.value.kind == FailureKind.ENVIRONMENT
    assert len(str(caught.value).splitlines()) <= 12


async def test_a_package_that_does_not_install_shows_its_own_error(environments: Environments, tmp_path: Path) -> None:
    project = tmp_path / "broken"
    project.mkdir()
    (project / "pyproject.toml").write_text('[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n')
    (project / "backend.py").write_text("raise RuntimeError('this one never builds')\n")
    with pytest.raises(TaskError, match="this one never builds"):
        await environments.prepare(EnvironmentRequest(requirements=(str(project),)), lambda text: None)


async def test_an_absent_python_is_replaced_with_a_warning_or_refused(tmp_path: Path) -> None:
    lenient = Environments(tmp_path / "envs", Interpreters({}, is_strict=False), EnvironmentSettings(is_offline=True))
    environment = await lenient.prepare(EnvironmentRequest(python="3.99"), lambda text: None)
    assert "3.99" in environment.warning
    await lenient.close()
    strict = Environments(tmp_path / "envs", Interpreters({}, is_strict=True), EnvironmentSettings(is_offline=True))
    with pytest.raises(TaskError, match=r"3\.99 is not available"):
        await strict.prepare(EnvironmentRequest(python="3.99"), lambda text: None)


async def test_each_of_the_requests_that_wait_for_one_build_hears_of_its_own_python(tmp_path: Path) -> None:
    environments = Environments(tmp_path / "envs", Interpreters({}, is_strict=False), EnvironmentSettings(is_offline=True))
    wishes = ["3.99", "3.98", None]
    built = await asyncio.gather(*(environments.prepare(EnvironmentRequest(python=wish), lambda text: None) for wish in wishes))
    assert len({environment.path for environment in built}) == 1
    assert [wish is not None and f"Python {wish}" in environment.warning for wish, environment in zip(wishes, built, strict=True)] == [
        True,
        True,
        False,
    ]
    assert built[2].warning == ""
    await environments.close()


async def test_a_listed_interpreter_is_used(tmp_path: Path) -> None:
    own = Interpreters({}, is_strict=True).default
    interpreters = Interpreters({own.version: own.executable}, is_strict=True)
    assert (await interpreters.choose(own.version)).interpreter.executable == own.executable


async def test_the_list_of_environments_says_when_a_task_last_asked_for_each(environments: Environments, tmp_path: Path) -> None:
    request = EnvironmentRequest(requirements=("penstockbeta",))
    older = await environments.prepare(request, lambda text: None)
    await environments.prepare(EnvironmentRequest(), lambda text: None)
    for path in (tmp_path / "envs").glob("*/environment.json"):
        os.utime(path, (1000.0, 1000.0))
    await environments.prepare(request, lambda text: None)
    first, second = list_environments(tmp_path / "envs")
    assert first.environment_id == older.environment_id
    assert list(first.packages) == ["penstockalpha", "penstockbeta"]
    assert first.python.startswith(older.interpreter.version)
    assert first.last_used_at > second.last_used_at == 1000.0
    pinned = locked_packages(tmp_path / "envs", older.environment_id)
    assert pinned is not None
    assert [entry.partition("==")[0] for entry in pinned] == ["penstockalpha", "penstockbeta"]
    assert all(entry.partition("==")[2] and " " not in entry for entry in pinned)
    assert locked_packages(tmp_path / "envs", second.environment_id) == []
    assert locked_packages(tmp_path / "envs", "gone") is None
    assert locked_packages(tmp_path / "envs", "../envs/" + older.environment_id) is None
