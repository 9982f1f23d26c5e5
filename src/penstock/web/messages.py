"""Which texts the pages show: read from the templates and from the label tables of the page modules.

Used by `scripts/messages` and by the test that keeps the locale files complete; not at run time.
"""

from __future__ import annotations

import ast
import re

from penstock.web import manual
from penstock.web.comparisons import exhibits, subjects
from penstock.web.comparisons.runs import CAUSE_WORDS
from penstock.web.errors import HEADINGS
from penstock.web.graphs import flow_diff as flow_graph_diff
from penstock.web.graphs import timelines
from penstock.web.lists import catalog_groups
from penstock.web.pages import home, news, search
from penstock.web.pages.artifacts import collections, lineage, lineage_panel
from penstock.web.pages.artifacts import stored as artifacts
from penstock.web.pages.catalog import pipelines, triggers
from penstock.web.pages.flows import run as flow_run
from penstock.web.pages.flows import runs as flows
from penstock.web.pages.flows import tasks as flow_tasks
from penstock.web.pages.runs import executions, log_hits, output_panel, run, tasks
from penstock.web.pages.runs import table as run_table
from penstock.web.pages.system import budgets, system, trash, users
from penstock.web.pages.tracking import artifacts as tracking_artifacts
from penstock.web.pages.tracking import automations as tracking_automations
from penstock.web.pages.tracking import projects as tracking_projects
from penstock.web.pages.tracking import report_forms as tracking_report_forms
from penstock.web.pages.tracking import reports as tracking_reports
from penstock.web.pages.tracking import run as tracking_run
from penstock.web.pages.tracking import sweeps as tracking_sweeps
from penstock.web.pages.tracking import workspace as tracking_workspace
from penstock.web.previews import tables as preview_tables
from penstock.web.render import AGES, HERE, SECTIONS, SIGN_IN_WORDS
from penstock.web.texts import cron_words, notice_words, sentences, snippets, starters, system_words
from penstock.web.texts.formats import STATE_LOOKS
from penstock.web.tracking import machine_facts, system_metrics

_CALL = re.compile(r"""_\(\s*(?:"((?:[^"\\]|\\.)+)"|'((?:[^'\\]|\\.)+)')""")
_TUPLE = re.compile(r"""\{% for [\w, ]+ in (\(\(.+?\)\)) %\}""", re.DOTALL)
_ACTION = re.compile(r"""\("[a-z-]+", "([A-Z][^"]*)", "[a-z-]+"\)""")
_QUOTED = re.compile(r'"([A-Z][^"]*)"')


def all_messages() -> set[str]:
    """Return every English text that can be shown through the translator."""
    found = _of_templates()
    found |= {word for word, _ in STATE_LOOKS.values()} | {label for _, label, _, _ in SECTIONS} | {heading for _, heading in HEADINGS}
    found |= {label for _, label, _ in (*run.VIEWS, *tasks.PANEL_TABS)}
    found |= {label for _, label in (*artifacts.TABS, *pipelines.TABS, *tasks.PHASES, *timelines.SORTS)}
    found |= {words for words, _, _ in news.KINDS.values()} | {word for _, word in home.MY_KINDS.values()}
    found |= {label for _, label in budgets.PERIODS} | {*budgets.STATE_WORDS.values()}
    found |= {word for words in budgets.MEASURE_WORDS.values() for word in words.values()}
    found |= {*flow_graph_diff.PARTS.values()} | {label for _, label in (*flow_run.VIEWS, *output_panel.OUTPUT_TABS)}
    found |= {flow_run.RUN_CRUMB, flow_tasks.TASK_CRUMB}
    found |= {one.title for one in starters.starters("")}
    found |= {home.LOST[0], *tracking_run.LOSS_WORDS.values()}
    found |= {label for _, label in log_hits.SCOPES} | {"Logs"}
    found |= {heading for _, heading, _, _ in search.KINDS} | {label for label, _, _ in (*search.COMMANDS, *search.THEMES)}
    found |= {text for _, label, explanation in triggers.KINDS for text in (label, explanation)} | {*triggers.EDIT_WORDS.values()}
    found |= {label for _, label in (*run_table.GROUPINGS, *executions.GROUPINGS, *artifacts.GROUPINGS, *collections.GROUPINGS)}
    found |= {*catalog_groups.LABELS.values(), *tracking_projects.LABELS.values(), "schedule", "event", "enabled", "disabled"}
    found |= {label for _, label in tracking_projects.GROUPINGS} | {"Copy names", "Registries", "registries", "projects"}
    found |= {*cron_words.WORDS, *cron_words.DAYS, *cron_words.MONTHS}
    found |= {*notice_words.DONE, *notice_words.KINDS, *notice_words.PLAIN, *notice_words.PATTERNS} | _notices()
    found |= {label for _, label in flow_tasks.TABS} | {*flows.GROUPINGS.values()} | {"arrow keys", "pending", "succeeded", "canceled"}
    found |= {"State", "Duration", "Tasks", "Experiment", "Pipeline", "Version", "Definition", "Error", "Cached"}
    found |= {"Project", "Program", "Commit", "Host", "Group", "Job type", "Tags", "Client"}
    found |= {*subjects.KINDS.values(), "Config", "Summary", "Parameters", "Parameters and config", "Scalar Metrics"}
    found |= {"yes", "no", "none"} | {label for _, label in system.PARTS} | _words_of_the_system()
    tracked = (tracking_run.TABS, tracking_workspace.PROJECT_TABS, tracking_workspace.GROUPS, tracking_workspace.SORTS)
    found |= {label for table in tracked for _, label in table}
    found |= {*tracking_automations.EVENT_WORDS.values()} | {word for word, _ in tracking_automations.LOOKS.values()}
    found |= {label for _, label in lineage.DIRECTIONS} | {*lineage.EDGE_WORDS.values(), *lineage.KIND_WORDS.values()}
    found |= set(tracking_sweeps.AGENT_WORDS.values())
    found |= {lineage.HIDDEN, *lineage_panel.NEAR_WORDS}
    found |= {words for *_, past, future in AGES for words in (past, future)}
    found |= {*sentences.PATTERNS, *sentences.field_words()}
    found |= {"just now", "Something went wrong", "This did not work", "better", "worse"}
    found |= {*CAUSE_WORDS.values(), *exhibits.KINDS.values(), "added", "removed", "changed", "approved", "rejected"}
    found |= {*preview_tables.KINDS, *snippets.CLIENTS, *tracking_artifacts.CHANGE_WORDS.values()}
    found |= {label for _, label in (*tracking_artifacts.TABS, *collections.FACETS)}
    found |= {word for word, _ in trash.KINDS.values()} | {label for _, label in trash.GROUPINGS} | {"Deleted items"}
    found |= {label for _, label in (*tracking_sweeps.SWEEPS.groupings, *tracking_reports.REPORTS.groupings)} | {"Sweeps", "Reports"}
    found |= {*tracking_reports.KIND_WORDS.values(), *tracking_sweeps.STATE_WORDS.values()}
    found |= {*tracking_report_forms.PROBLEMS.values(), *machine_facts.WORDS}
    found |= {words for words, _ in system_metrics.WORDS.values()} | {system_metrics.OF_PROCESS}
    found |= {title for _, title in manual.DOCUMENTS} | {"Help"}
    found |= {*SIGN_IN_WORDS.values()} | {*users.ROLES.values()}
    found |= {"Go to", search.NEW_RUN_OF, search.TABS_HEADING, "Commands", "Recent runs", "The definition of this pipeline cannot be read."}
    return found


def _of_templates() -> set[str]:
    """What templates give to the translator, and the words of the tables that they loop over."""
    found: set[str] = set()
    for path in (HERE / "templates").rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        found |= {(double or single).replace('\\"', '"') for double, single in _CALL.findall(text)}
        for table in _TUPLE.findall(text):
            found |= {word for word in _QUOTED.findall(table) if not word.isupper() and "ctrl" not in word.lower()}
        found |= set(re.findall(r'ui\.sort_head\([^,]+, "[^"]+", "([^"]+)"', text))
        found |= set(_ACTION.findall(text)) | set(re.findall(r'ui\.head\("([^"]+)"', text))
        found |= set(re.findall(r'ui\.paging\([^,]+, [^,]+, "([^"]+)"', text)) | set(re.findall(r'counted\([^"]+, "([^"]+)"\)', text))
    return found


def _notices() -> set[str]:
    """What page modules say in notices as it stands; those with values in them are patterns of `notice_words`."""
    found: set[str] = set()
    for path in (HERE / "pages").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Notice" and node.args:
                first = node.args[0]
                parts = (first.body, first.orelse) if isinstance(first, ast.IfExp) else (first,)
                found |= {part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)}
    return found


def _words_of_the_system() -> set[str]:
    tables = (
        system_words.FACTS, system_words.VALUES, system_words.FOLDERS, system_words.TABLES, system_words.ROOMS, system_words.SERVICES,
        system_words.QUEUES, system_words.SURFACES,
    )  # fmt: skip
    found = {word for table in tables for word in table.values()} | {*system_words.SERVICES}
    return found | {word for words in system_words.SETTINGS.values() for word in words if word}
