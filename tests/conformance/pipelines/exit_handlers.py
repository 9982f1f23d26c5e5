"""Several exit handlers in one pipeline, one around a loop with a condition: each exit task runs, the failing body fails the run."""

from kfp import dsl

SDKS = ("2.0.1", "2.7.0", "2.17.0")
EXPECT = {
    "state": "FAILED",
    "error": "the second body",
    "outputs": {"note.Output": ["first COMPLETE", "second FAILED", "third COMPLETE"]},
    "states": {"work": ["SKIPPED", "SUCCEEDED", "SUCCEEDED"], "fail": ["FAILED"]},
}


@dsl.component
def work(text: str) -> str:
    return text


@dsl.component
def fail():
    raise ValueError("the second body")


@dsl.component
def note(name: str, status: dsl.PipelineTaskFinalStatus) -> str:
    return f"{name} {status.state}"


@dsl.pipeline(name="exit-handlers")
def pipeline():
    with dsl.ExitHandler(note(name="first").set_display_name("note")):
        work(text="x").set_display_name("work")
    with dsl.ExitHandler(note(name="second").set_display_name("note")):
        fail()
    with dsl.ExitHandler(note(name="third").set_display_name("note")):
        with dsl.ParallelFor(["a", "b"]) as item:
            with dsl.Condition(item == "b"):
                work(text=item).set_display_name("work")
