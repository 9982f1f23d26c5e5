"""Modules of a page in one file, put together when it is first asked for, so that a browser waits for one answer instead of thirty.

Each module becomes a function that is called once, after those that it imports; what it exports is what the function returns. This holds
for modules written as ours are, and `check_form` says so of each: imports stand one to a line at the beginning of it, exports are
functions, classes and constants, and no two modules import each other. Files of others (`vendor/`) stay files of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from penstock.web.assets.urls import STATIC, static_url

_IMPORT = re.compile(r"""^import (?:\{ ?([^}]*?) ?\} from )?"(\.[^"]+)";\n""", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async function\*?|function\*?|class|const) (\w+))", re.MULTILINE)
_ODD = re.compile(r"^(?:import|export)\b(?!\()[^\n]*", re.MULTILINE)
_RENAMED, _AS_PROPERTY = re.compile(r"(\w+) as (\w+)"), r"\1: \2"
_VENDORED = re.compile(r"""(?:^import [^;"]*|\bimport\()"(\.\./vendor/[^"]+)\"""", re.MULTILINE)
_OUTSIDE = "../"
_JOINT = "+"
_FOLDER = STATIC / "js"


def page_script(scripts: Iterable[str]) -> str:
    """Return the name below `static/` of the file that has the modules of a page's scripts in it.

    Args:
        scripts: names of `Frame.scripts`; the frame's own comes with every page.
    """
    return f"js/{''.join(_JOINT + script for script in dict.fromkeys(('shell', *scripts)))}.js"


def scripts_of(name: str) -> tuple[str, ...]:
    """Return the scripts that a file of `page_script` is made of; none when the name is not one."""
    parts = tuple(name.removeprefix(f"js/{_JOINT}").removesuffix(".js").split(_JOINT))
    return parts if page_script(parts) == name and _names().issuperset(parts) else ()


@cache
def _names() -> frozenset[str]:
    return frozenset(path.stem for path in _FOLDER.glob("*.js"))


def joined(scripts: Sequence[str]) -> str:
    """Return the text of the file for these scripts."""
    order = module_order(scripts)
    outside = {target: f"$outside{place}" for place, target in enumerate(_outside(order))}
    heads = [f'import * as {name} from "{target}";' for target, name in outside.items()]
    imported = {_FOLDER / target for path in order for _, target in _IMPORT.findall(path.read_text(encoding="utf-8"))}
    return "\n".join([*heads, *(_wrapped(path, outside, is_last=path not in imported) for path in order)]) + "\n"


def preloads(scripts: Iterable[str]) -> tuple[str, ...]:
    """Return the addresses of files of others that a page's modules import, at once or while they begin.

    A page names them in its head, so that a browser fetches them beside its script instead of after it.
    """
    return _preloads(tuple(dict.fromkeys(("shell", *scripts))))


@cache
def _preloads(scripts: tuple[str, ...]) -> tuple[str, ...]:
    texts = [path.read_text(encoding="utf-8") for path in module_order(scripts)]
    targets = dict.fromkeys(target for text in texts for target in _VENDORED.findall(text))
    return tuple(static_url(target.removeprefix("../")) for target in targets)


def module_order(scripts: Sequence[str]) -> list[Path]:
    """Return the modules of some scripts, each after those that it imports.

    Raises:
        ValueError: modules import each other in a ring, or one is not of the form that can be joined.
    """
    done: dict[Path, None] = {}

    def visit(path: Path, above: tuple[Path, ...]) -> None:
        if path in above:
            raise ValueError(f"{path.name} imports itself by way of {above[-1].name}")
        if path in done:
            return
        text = path.read_text(encoding="utf-8")
        check_form(path.name, text)
        for _, target in _IMPORT.findall(text):
            if not target.startswith(_OUTSIDE):
                visit(path.parent / target, (*above, path))
        done[path] = None

    for script in scripts:
        visit(_FOLDER / f"{script}.js", ())
    return list(done)


def check_form(name: str, text: str) -> None:
    """Make sure that a module is written so that it can be joined with others.

    Raises:
        ValueError: it is not.
    """
    if odd := _ODD.search(_EXPORT.sub("", _IMPORT.sub("", text))):
        raise ValueError(f"{name} cannot be joined with other modules: {odd[0][:100]}")


def _outside(order: Sequence[Path]) -> dict[str, None]:
    targets = (target for path in order for _, target in _IMPORT.findall(path.read_text(encoding="utf-8")))
    return dict.fromkeys(target for target in targets if target.startswith(_OUTSIDE))


def _wrapped(path: Path, outside: Mapping[str, str], *, is_last: bool) -> str:
    """Return a module as a function's result. One that no other needs may fail without the rest of the page."""
    text = path.read_text(encoding="utf-8")

    def bound(match: re.Match[str]) -> str:
        names, target = match.groups()
        source = outside.get(target) or _variable(Path(target).stem)
        return f"const {{ {_RENAMED.sub(_AS_PROPERTY, names)} }} = {source};\n" if names else ""

    exported = _EXPORT.findall(text)
    body = f"{_EXPORT.sub('', _IMPORT.sub(bound, text))}\nreturn {{ {', '.join(exported)} }};"
    if is_last:
        body = f"try {{\n{body}\n}} catch (error) {{\nreportError(error);\n}}"
    return f"const {_variable(path.stem)} = (() => {{\n{body}\n}})();"


def _variable(stem: str) -> str:
    return f"${stem}"
