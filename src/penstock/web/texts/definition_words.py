"""What is wrong with a definition that is uploaded, or with values that are typed, as patterns of sentences (see `sentences`).

Clients get these sentences in English; the place in the document that they begin with stays as it is.
"""

from __future__ import annotations

LINE = "{reason} (line {number})"
"""How a sentence about a file ends; others may end so, too, and are not ours."""
MISTAKE = "{what}: line {number} column {value} (char {others})"
"""What Python's reader of JSON says, within another sentence."""
PATTERNS = (
    LINE,
    "the file is empty",
    "the archive is empty",
    "a pipeline has to be an object, found {value}",
    "expected an object, found {value}",
    "expected a list, found {value}",
    "expected a string, found {value}",
    "expected a number, found {value}",
    "expected true or false, found {value}",
    "expected a container or an importer, found {value}",
    "expected one Argo Workflow, found {value}",
    "expected a PipelineSpec and at most one PlatformSpec, found {number} documents",
    "neither a KFP pipeline nor an Argo Workflow",
    "not an Argo Workflow (apiVersion argoproj.io/*, kind Workflow)",
    "not JSON: {reason}",
    "not YAML: {value}",
    "not UTF-8 text ({value} at byte {number})",
    "the file has more than {size} bytes",
    "the file inside the archive has more than {size} bytes",
    "the archive unpacks to more than {size} bytes",
    "unknown kind of file; expected one of {names}",
    "not a readable zip file: {value}",
    "not a readable tar.gz file: {value}",
    "too deeply nested",
    "nested more than {number} levels deep",
    "more than {size} nodes once its aliases are expanded",
    "unknown key",
    "unknown key; a PipelineSpec has {names}",
    "the pipeline is empty",
    "the pipeline has no root",
    "the root has to be a dag",
    "a non-empty string is required",
    "schema version {value} is not supported; recompile with kfp 2.x ({others})",
    "the component contains itself: {names}",
    "the task depends on itself through {names}",
    "tasks wait for each other: {names}",
    "no task {name} in this dag",
    "no component {name}",
    "no executor {name}",
    "the enclosing dag has no input {name}",
    "component {name} has no output {others}",
    "unknown parameter type {value}",
    "the workflow has no entrypoint",
    "a template needs a name",
    "template {name} is defined twice",
    "template {name} does not exist",
    "task {name} is defined twice",
    "task {name} refers to unknown template {others}",
    "depends on unknown task {name}",
    "input {name} of template {others} has no argument",
    "must be an object",
    "must be a list",
    # what Python's reader of JSON says
    MISTAKE,
    "Expecting value",
    "Expecting property name enclosed in double quotes",
    "Expecting ',' delimiter",
    "Expecting ':' delimiter",
    "Extra data",
    "Unterminated string starting at",
    "Invalid control character at",
    # values of the form of a new run
    "{name} has to be a JSON list; {value} is not.",
    "{name} has to be a JSON object; {value} is not.",
    "{name} has to be a whole number; {value} is not.",
    "{name} has to be a number; {value} is not.",
)
