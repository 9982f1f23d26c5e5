"""Reads the install script of lightweight Python components into an `EnvironmentRequest`.

The script is matched as a whole: whatever is not one of the shapes that SDKs 1.8 to 2.17 write gives None, and the caller runs the
command as compiled. Shapes: kfp protocol notes, section 5.4.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from functools import lru_cache

_ENSURE_PIP = re.compile(
    r'\s*if ! \[ -x "\$\(command -v pip\)" \]; then\s+'
    r"python3 -m ensurepip \|\| python3 -m ensurepip --user \|\| apt-get install python3-pip\s+fi\s+"
)
_VENV = re.compile(
    r'\s*export PIP_DISABLE_PIP_VERSION_CHECK=1\s+tmp=\$\(mktemp -d\)\s+python3 -m venv "\$tmp/venv" --system-site-packages\s+'
    r'\. "\$tmp/venv/bin/activate"\s+'
)
_INSTALL = ("python3", "-m", "pip", "install")
_NO_EFFECT = frozenset(
    {"--quiet", "-q", "--no-warn-script-location", "--upgrade", "-U", "--user", "--no-cache-dir", "--disable-pip-version-check"}
)
_KFP_BETA = re.compile(r"kfp==2\.0\.0[-.]?(?:a|b|rc|alpha|beta)[-.]?\d+")


@dataclass(frozen=True, slots=True)
class Installs:
    """Everything the script installs, in order."""

    requirements: tuple[str, ...] = ()
    no_deps: tuple[str, ...] = ()
    index_urls: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()


@lru_cache(maxsize=512)
def parse_install_script(script: str) -> Installs | None:
    """Return what `script` installs before it runs `"$0" "$@"`, or None when it is not a script the SDK writes.

    A virtual environment that the script makes for itself (`use_venv`) is left out: an environment per requirement set gives the
    same isolation.
    """
    text = _ENSURE_PIP.sub("", script.replace("\\\n", " "), count=1)
    text = _VENV.sub(" ", text, count=1)
    if "\n" in text.strip() or (any(mark in text for mark in ("`", "$(", "|", ">")) and _has_shell_syntax(text)):
        return None
    try:
        tokens = shlex.split(text)
    except ValueError:
        return None
    clauses = _clauses(tokens)
    if clauses is None or clauses[-1] != ["$0", "$@"]:
        return None
    found = _Found()
    for clause in clauses[:-1]:
        if not found.read(clause):
            return None
    return Installs(tuple(found.requirements), tuple(found.no_deps), tuple(found.index_urls), tuple(found.trusted_hosts))


def _has_shell_syntax(text: str) -> bool:
    """Whether an operator stands outside quotes (requirements such as 'x>=1' are always quoted)."""
    bare = re.sub(r"'[^']*'|\"(?:\\.|[^\"\\])*\"", "", text)
    return any(mark in bare for mark in ("`", "$(", "|", ">", "<", ";"))


def _clauses(tokens: list[str]) -> list[list[str]] | None:
    clauses: list[list[str]] = [[]]
    for token in tokens:
        if token == "&&":
            clauses.append([])
        else:
            clauses[-1].append(token)
    return clauses if all(clauses) else None


class _Found:
    """What the clauses read so far install."""

    def __init__(self) -> None:
        self.requirements: list[str] = []
        self.no_deps: list[str] = []
        self.index_urls: list[str] = []
        self.trusted_hosts: list[str] = []

    def read(self, clause: list[str]) -> bool:
        """Add one `python3 -m pip install ...`; False when it is anything else or has an option that matters and is not known."""
        tokens = [token for token in clause if token != "PIP_DISABLE_PIP_VERSION_CHECK=1"]
        if tuple(tokens[:4]) != _INSTALL:
            return False
        requirements: list[str] = []
        has_deps = True
        rest = iter(tokens[4:])
        for token in rest:
            name, _, value = token.partition("=") if token.startswith("--") else (token, "", "")
            if name in {"--index-url", "-i", "--extra-index-url", "--trusted-host"}:
                _add(self.trusted_hosts if name == "--trusted-host" else self.index_urls, value or next(rest, ""))
            elif token == "--no-deps":
                has_deps = False
            elif token.startswith("-"):
                if token not in _NO_EFFECT:
                    return False
            else:
                requirements.append(_usable(token))
        for requirement in requirements:
            _add(self.requirements if has_deps else self.no_deps, requirement)
        return True


def _usable(requirement: str) -> str:
    """Return the requirement, with betas of kfp 2.0.0 replaced by the release they became.

    They pin libraries that no longer build; 2.0.1 has the same executor module.
    """
    return "kfp==2.0.1" if _KFP_BETA.fullmatch(requirement) else requirement


def _add(target: list[str], value: str) -> None:
    if value and value not in target:
        target.append(value)
