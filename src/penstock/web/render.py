"""Templates to answers: the Jinja environment, the frame around every page, and what each request brings (language, theme, notice)."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode

import jinja2
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from penstock.api.credentials import COOKIE
from penstock.api.policy import role_for
from penstock.domain.accounts import Role
from penstock.interfaces.pages import LOOKED_AT
from penstock.interfaces.run_tables import MOST_GROUPS
from penstock.web.assets.modules import page_script, preloads
from penstock.web.assets.urls import static_url
from penstock.web.lists.groups import MOST_CHOICES
from penstock.web.lists.namespaces import namespace_of
from penstock.web.opened import is_live_patch
from penstock.web.security import PAGE_HEADERS, page_headers
from penstock.web.services.tracking import caller_of
from penstock.web.services.web import WebServices
from penstock.web.texts import formats, i18n, zones
from penstock.web.texts.cron_words import cron_words, zone_and_rest
from penstock.web.texts.notice_words import said
from penstock.web.texts.prose import prose
from penstock.web.texts.sentences import say
from penstock.web.texts.starters import variable_lines
from penstock.web.tracking.documents import look_of

HERE = Path(__file__).parent
NOTICE_COOKIE = "penstock_notice"
_NOTICE_BYTES = 3600
_MOST_PROBLEMS = 20
_LONGEST_PROBLEM = 300
_MOST_ADMINISTRATORS = 5
"""Whose names a reader is told who lacks a role."""

SECTIONS: Sequence[tuple[str, str, str, str]] = (
    ("home", "Home", "/ui/home", "home"),
    ("pipelines", "Pipelines", "/ui/pipelines", "pipeline"),
    ("experiments", "Experiments", "/ui/experiments", "flask"),
    ("runs", "Runs", "/ui/runs", "run"),
    ("recurring", "Recurring runs", "/ui/recurring", "clock"),
    ("executions", "Executions", "/ui/executions", "bolt"),
    ("artifacts", "Artifacts", "/ui/artifacts", "box"),
    ("projects", "Projects", "/ui/projects", "chart"),
    ("flows", "Flows", "/ui/flows", "flow"),
    ("registry", "Registry", "/ui/registry", "layers"),
    ("system", "System", "/ui/system", "server"),
)
"""The left rail: key, English label, address, icon."""

LABELS = tuple(label for _, label, _, _ in SECTIONS)


AGES: Sequence[tuple[float, int, str, str]] = (
    (60, 1, "{count} s ago", "in {count} s"),
    (3600, 60, "{count} min ago", "in {count} min"),
    (86_400, 3600, "{count} h ago", "in {count} h"),
    (86_400 * 60, 86_400, "{count} d ago", "in {count} d"),
    (float("inf"), 2_592_000, "{count} mo ago", "in {count} mo"),
)
"""Ages as people say them: up to how many seconds, seconds of the unit, words for what was and for what comes."""

SIGN_IN_WORDS = {
    "title": "Sign in",
    "explanation": "This server asks for an API key. On its machine, this prints one:",
    "label": "API key",
    "wrong": "This key is not valid.",
    "disabled": "This account is disabled; an administrator can enable it.",
    "spent": "This invitation is not valid any more; an administrator can make another one.",
    "invitation": "You are invited",
    "for_you": "This invitation is for the user",
    "makes_key": "Accepting it makes your API key, shows it once, and signs you in here.",
    "accept": "Accept",
    "accepted": "Welcome",
    "new_key": "This is your API key. Keep it: it is not shown again.",
    "go_on": "Go on",
    "lost": "The server cannot be reached.",
}
"""What the sign-in page says, in English."""


@dataclass(frozen=True, slots=True)
class Crumb:
    """One step of the breadcrumbs."""

    text: str
    url: str = ""
    siblings: Sequence[tuple[str, str]] = ()
    """(text, url) of objects beside it, for the dropdown."""
    siblings_url: str = ""
    """Where the dropdown's content is fetched when it is opened, instead of `siblings`."""
    is_word: bool = False
    """A word of ours, to be translated; the first step always is."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What is around a page."""

    title: str
    section: str
    """Key of the rail entry that is lit."""
    crumbs: Sequence[Crumb] = ()
    live: str | None = None
    """Query string of the live stream this page listens to (`run=<id>`; empty: everything); None: not live."""
    scripts: Sequence[str] = ()
    """Further ES modules below `static/js`."""
    is_wide: bool = False
    """Uses the whole window without padding (graph pages)."""
    is_bare: bool = False
    """Without rail and top bar, for embedding."""
    belongs_to: str = ""
    """Name of what a page that is titled by a word is of, for the title of the browser's tab."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A message shown once after an action."""

    text: str
    kind: str = "done"
    """`done` or `error`."""
    undo_url: str = ""
    """Form target that takes the action back."""
    undo_fields: Mapping[str, str] = field(default_factory=dict)
    problems: Sequence[str] = ()
    """For what it did not work and why, one by one."""
    left_out: int = 0
    """Further problems that are not listed."""


@jinja2.pass_context
def _said(context: Context, sentence: str) -> str:
    return told_in(context.get("language", "en"), str(sentence))


def told_in(language: str, sentence: str) -> str:
    """A finished sentence in the reader's language, where it is known."""
    told = say(language, sentence)
    return told if told != sentence else said(language, sentence)


@jinja2.pass_context
def _translate(context: Context, message: str, **values: object) -> str:
    return i18n.translate(context.get("language", "en"), message, **values)


def icon(name: str, classes: str = "") -> Markup:
    """A symbol of the sprite; decorative, the word stands beside it."""
    return Markup('<svg class="icon {}" aria-hidden="true"><use href="{}#{}"/></svg>').format(classes, static_url("icons.svg"), name)


def ago(moment: float | None, now: float, language: str = "en") -> str:
    """Time since `moment` in one unit: `3 min ago`."""
    if moment is None:
        return ""
    seconds = now - moment
    if abs(seconds) < 5:
        return i18n.translate(language, "just now")
    for limit, unit, past, future in AGES:
        if abs(seconds) < limit:
            return i18n.translate(language, past if seconds > 0 else future, count=int(abs(seconds) // unit))
    return ""


@jinja2.pass_context
def _with_ages(context: Context, texts: Mapping[str, str]) -> Mapping[str, str]:
    """Texts for script, with the words for ages."""
    return {**texts, **{words: _translate(context, words) for *_, past, future in AGES for words in (past, future)}}


@jinja2.pass_context
def _time(context: Context, moment: float | None, empty: str = "") -> Markup:
    """A `<time>` that script keeps fresh: relative text, exact time on hover."""
    if moment is None:
        return Markup('<span class="faint">{}</span>').format(empty)
    text = ago(moment, context["now"], context.get("language", "en"))
    return Markup('<time datetime="{}" data-ago title="{}">{}</time>').format(formats.iso(moment), _exact(context, moment), text)


@jinja2.pass_context
def _at(context: Context, moment: float | None) -> Markup:
    """An exact time in the reader's zone, with how far that is from UTC."""
    if moment is None:
        return Markup("")
    exact = formats.iso(moment)
    return Markup('<time datetime="{}" data-at="{}">{}</time>').format(exact, exact, _exact(context, moment))


@jinja2.pass_context
def _clock(context: Context, moment: float | None) -> str:
    """Date and time in the reader's zone."""
    return zones.clock(moment, context.get("zone", "UTC"))


@jinja2.pass_context
def _field_time(context: Context, moment: float | None) -> str:
    return zones.field_text(moment, context.get("zone", "UTC"))


@jinja2.pass_context
def _exact(context: Context, moment: float) -> str:
    zone = context.get("zone", "UTC")
    return f"{zones.clock(moment, zone)} {zones.offset(moment, zone)}"


@jinja2.pass_context
def _span(context: Context, start: float | None, end: float | None = None, is_running: bool = False) -> Markup:
    """A duration; ticks while it runs."""
    if start is None:
        return Markup("")
    if end is None and is_running:
        return Markup('<span class="num" data-since="{}">{}</span>').format(start, formats.duration(context["now"] - start))
    if end is None:
        return Markup("")
    return Markup('<span class="num" title="{} s">{}</span>').format(f"{end - start:.3f}", formats.duration(end - start))


def _one_of(nouns: str) -> str:
    """`kinds of lines` -> `kind of lines`, `entries` -> `entry`."""
    head, of, rest = nouns.partition(" of ")
    return (f"{head.removesuffix('ies')}y" if head.endswith("ies") else head.removesuffix("s")) + of + rest


@jinja2.pass_context
def _reach(context: Context, address: str, title: str = "") -> Markup:
    """The `href` (and `title`) of a link; where the reader's role does not reach, by the rules of the door, why it leads nowhere."""
    needed, role = role_for("GET", address.partition("?")[0]), context["role"]
    if role.covers(needed):
        return Markup('href="{}" title="{}"').format(address, title) if title else Markup('href="{}"').format(address)
    why = _translate(context, "This needs the role {needed}; you have {role}.", needed=needed.value, role=role.value)
    return Markup('role="link" aria-disabled="true" title="{}"').format(why)


@jinja2.pass_context
def _counted(context: Context, count: int, nouns: str) -> str:
    """A number with what it counts. One of a kind is said so in English; the other languages have no plural."""
    is_one = count == 1 and context.get("language", "en") == "en"
    return f"{formats.number(count)} {_one_of(nouns) if is_one else _translate(context, nouns)}"


@jinja2.pass_context
def _cron_words(context: Context, expression: str) -> str:
    """A cron expression in the reader's language."""
    return cron_words(expression, context.get("language", "en"))


@cache
def environment() -> jinja2.Environment:
    """Return the template environment; escapes everything, fails on unknown names."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.globals.update(
        _=_translate, icon=icon, static=static_url, page_script=page_script, preloads=preloads, sections=SECTIONS, time=_time, at=_at,
        span=_span, counted=_counted, reach=_reach, languages=i18n.LANGUAGES, url=query_url,
        looked_at_most=LOOKED_AT, most_groups=MOST_GROUPS, most_choices=MOST_CHOICES,
    )
    for name in (
        "duration",
        "size",
        "number",
        "percentage",
        "iso",
        "short_id",
        "plain_json",
        "one_line",
        "kind_of",
        "kind_word",
        "component_name",
        "type_group_word",
        "type_word",
        "headline",
        "with_names",
        "period",
    ):
        env.filters[name] = getattr(formats, name)
    env.filters |= {"clock": _clock, "exact": _exact, "field_time": _field_time}
    env.filters["with_ages"] = _with_ages
    env.filters |= {"prose": prose, "said": _said}
    env.filters["state_word"] = formats.state_word
    env.filters["state_look"] = formats.state_look
    env.filters["tracked_look"] = look_of
    env.filters |= {"cron_words": _cron_words, "cron_parts": zone_and_rest}
    env.filters["shell_lines"] = lambda variables: "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())
    env.filters["quote"] = lambda text: quote(str(text), safe="")
    return env


def choose_theme(cookie: str | None) -> str:
    """Return the theme that a reader chose, else the one that follows the system."""
    return cookie if cookie in {"light", "dark", "contrast"} else "system"


def query_url(base: str, parameters: Mapping[str, str] | None = None, **changes: str | int | None) -> str:
    """Return `base` with the query of `parameters` changed; None removes, and the page position never survives a change."""
    given = parameters.multi_items() if isinstance(parameters, QueryParams) else (parameters or {}).items()
    dropped = {"cursor", "offset"} if "sort" in changes else {"cursor"}
    merged = [(key, value) for key, value in given if key not in dropped and key not in changes]
    merged += [(key, str(value)) for key, value in changes.items() if value is not None]
    return f"{base}?{urlencode(merged)}" if merged else base


def language_of(request: Request) -> str:
    """Return the language that the reader chose, else the one that the browser asks for."""
    return i18n.choose_language(request.cookies.get("penstock_lang"), request.headers.get("accept-language", ""))


def render_text(services: WebServices, request: Request, template: str, **values: Any) -> str:
    """Render a template with what every request brings."""
    language = language_of(request)
    zone, chosen_zone = zones.zone_names(request.cookies)
    caller = None if services.tracking is None else caller_of(services.tracking, request)
    common = {
        "me": caller,
        "role": Role.ADMIN if caller is None else caller.role,
        "is_signed_in": COOKIE in request.cookies,
        "administrators": lambda: _administrators(services),
        "is_admin": caller is None or caller.role is Role.ADMIN,
        "is_viewer": caller is not None and caller.role is Role.VIEWER,
        "language": language,
        "theme": choose_theme(request.cookies.get("penstock_theme")),
        "in_namespace": namespace_of(request),
        "zone": zone,
        "chosen_zone": chosen_zone,
        "dates_zone": request.query_params.get("zone") or zone,
        "is_rail_small": request.cookies.get("penstock_rail") == "small",
        "now": services.clock.now(),
        "query": request.query_params,
        "path": request.url.path,
        "here": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        "server_version": services.version,
        "server_url": services.url,
        "variable_lines": variable_lines(services.url, services.folder_option, services.flows_prefix),
        "folder_option": services.folder_option,
        "has_trash": services.trash is not None and services.trash.keep_seconds > 0,
        "read_at": getattr(request.state, "read_at", ""),
        "is_live_patch": is_live_patch(request),
    }
    return environment().get_template(template).render(common | values)


def _administrators(services: WebServices) -> list[str]:
    """Who gives roles."""
    people = [] if services.tracking is None else services.tracking.accounts.users()
    return [person.name for person in people if person.role is Role.ADMIN and person.disabled_at is None][:_MOST_ADMINISTRATORS]


def render(services: WebServices, request: Request, template: str, *, frame: Frame, page: object, status: int = 200) -> Response:
    """Answer with a whole page."""
    # A page that is only fetched again, to bring parts of it up to date, shows no notice: the next one that opens does.
    notice = None if is_live_patch(request) else _read_notice(request)
    html = render_text(services, request, template, frame=frame, page=page, notice=notice)
    response = HTMLResponse(html, status_code=status, headers=page_headers(request))
    if notice is not None:
        response.delete_cookie(NOTICE_COOKIE, path="/")
    return response


def render_part(services: WebServices, request: Request, template: str, **values: Any) -> Response:
    """Answer with a fragment that a page puts into itself."""
    return HTMLResponse(render_text(services, request, template, **values), headers=PAGE_HEADERS)


def is_scripted_form(request: Request) -> bool:
    """Whether `forms.js` sent it, and waits for `location`, a `problem` or a page."""
    return request.headers.get("x-form") == "1"


def redirect(target: str, notice: Notice | None = None) -> Response:
    """Lead to `target` (a path of ours) after a form, with a message to show there."""
    response = RedirectResponse(target, status_code=303)
    if notice is not None:
        response.set_cookie(NOTICE_COOKIE, _written_notice(notice), path="/", httponly=True, samesite="strict", max_age=60)
    return response


def _written_notice(notice: Notice) -> str:
    """Return a notice as the value of a cookie: as many of its problems as browsers keep in one."""
    content = {"text": notice.text[:1500], "kind": notice.kind, "undo_url": notice.undo_url, "undo_fields": dict(notice.undo_fields)}
    listed = [formats.one_line(problem, _LONGEST_PROBLEM) for problem in notice.problems[:_MOST_PROBLEMS]]
    while True:
        left_out = len(notice.problems) - len(listed)
        written = quote(json.dumps({**content, "problems": listed, "left_out": left_out}, ensure_ascii=False))
        if not listed or len(written) <= _NOTICE_BYTES:
            return written
        listed.pop()


def _read_notice(request: Request) -> Notice | None:
    raw = request.cookies.get(NOTICE_COOKIE)
    if not raw:
        return None
    try:
        content = json.loads(unquote(raw))
        problems, left_out = [str(problem) for problem in content["problems"]], int(content["left_out"])
        return Notice(
            str(content["text"]), str(content["kind"]), str(content["undo_url"]), dict(content["undo_fields"]), problems, left_out
        )
    except (ValueError, KeyError, TypeError):
        return None
