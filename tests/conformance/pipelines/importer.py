"""Importers: constant and computed URIs, metadata with placeholders in keys and values, whole numbers in it."""

from kfp import dsl
from kfp.dsl import Dataset, Input

SDKS = ("2.0.1", "2.7.0", "2.17.0")
EXPECT = {
    "state": "SUCCEEDED",
    "outputs": {"describe.Output": ["gs://some-bucket/data.csv {'key': 'value', 'rows': [1, {'n': 2}]}", "s3://other/x.csv {'lang': 'en', 'name': 'ann'}"]},
}


@dsl.component
def address() -> str:
    return "s3://other/x.csv"


@dsl.component
def describe(data: Input[Dataset]) -> str:
    return f"{data.uri} {dict(sorted(data.metadata.items()))}"


@dsl.pipeline(name="importer")
def pipeline(name: str = "ann"):
    constant = dsl.importer(artifact_uri="gs://some-bucket/data.csv", artifact_class=Dataset, reimport=False, metadata={"key": "value", "rows": [1, {"n": 2}]})
    describe(data=constant.output)
    computed = dsl.importer(
        artifact_uri=address().output, artifact_class=Dataset, reimport=True, metadata={"name": name, "lang": "en"}
    )
    describe(data=computed.output).set_display_name("describe")
