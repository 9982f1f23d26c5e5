"""Facts of the run in arguments and in defaults of components: name, id, resource name, task, times, root."""

from kfp import dsl

SDKS = ("2.0.1", "2.7.0", "2.17.0")
EXPECT = {"state": "SUCCEEDED", "outputs": {"check.Output": ["ok"]}}


@dsl.component
def check(name: str, resource: str, job_id: str, task: str, created: str, inside: str, own: str = dsl.PIPELINE_JOB_ID_PLACEHOLDER) -> str:
    import re

    assert name and "{{" not in name, name
    assert "job-placeholders" in resource, resource
    assert re.fullmatch(r"[0-9a-f-]{36}", job_id), job_id
    assert task == "check", task
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", created), created
    assert inside == f"id {job_id} of {name}", inside
    assert own == job_id, own
    return "ok"


@dsl.pipeline(name="job-placeholders")
def pipeline():
    check(
        name=dsl.PIPELINE_JOB_NAME_PLACEHOLDER,
        resource=dsl.PIPELINE_JOB_RESOURCE_NAME_PLACEHOLDER,
        job_id=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
        task=dsl.PIPELINE_TASK_NAME_PLACEHOLDER,
        created=dsl.PIPELINE_JOB_CREATE_TIME_UTC_PLACEHOLDER,
        inside=f"id {dsl.PIPELINE_JOB_ID_PLACEHOLDER} of {dsl.PIPELINE_JOB_NAME_PLACEHOLDER}",
    )
