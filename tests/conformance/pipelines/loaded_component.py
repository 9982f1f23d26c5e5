"""Components loaded from YAML text of the first generation: concat, if, file paths, names with spaces."""

from kfp import components, dsl

SDKS = ("2.0.1", "2.7.0", "2.17.0")
EXPECT = {"state": "SUCCEEDED", "outputs": {"count.Output": [2], "write-lines.first_line": ["--given x|pre-a|5"]}}

write_lines = components.load_component_from_text(
    """
name: Write lines
inputs:
- {name: First word, type: String}
- {name: Count, type: Integer, default: '5'}
- {name: Extra, type: String, optional: true}
- {name: Missing, type: String, optional: true}
outputs:
- {name: First line, type: String}
- {name: All lines, type: Dataset}
implementation:
  container:
    image: alpine
    command:
    - sh
    - -c
    - |
      line="$0"; all="$1"; shift
      mkdir -p "$(dirname "$line")" "$(dirname "$all")"
      shift
      IFS='|'
      printf '%s' "$*" > "$line"
      printf 'one\\ntwo\\n' > "$all"
    - {outputPath: First line}
    - {outputPath: All lines}
    - rest
    args:
    - if:
        cond: {isPresent: Extra}
        then: [{concat: ['--given ', {inputValue: Extra}]}]
        else: [none]
    - if:
        cond: {isPresent: Missing}
        then: [--missing, {inputValue: Missing}]
    - {concat: ['pre-', {inputValue: First word}]}
    - {inputValue: Count}
"""
)


@dsl.component
def count(lines: dsl.Input[dsl.Dataset]) -> int:
    with open(lines.path) as file:
        return len(file.readlines())


@dsl.pipeline(name="loaded-component")
def pipeline():
    written = write_lines(first_word="a", extra="x")
    count(lines=written.outputs["all_lines"])
