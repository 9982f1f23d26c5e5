"""What the server says that it lacks before it can read a bucket; reading is tested in `tests/conformance/test_kfp_remote_inputs.py`."""

from __future__ import annotations

import sys

import pytest

from penstock.stores.buckets import Buckets


@pytest.fixture(autouse=True)
def no_access(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    nowhere = str(tmp_path_factory.mktemp("home") / "none")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", nowhere)
    monkeypatch.setenv("AWS_CONFIG_FILE", nowhere)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def test_what_helps_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "AWS_ACCESS_KEY_ID" in Buckets().obstacle("s3://bucket/key")
    assert "AWS_ENDPOINT_URL_S3" in Buckets().obstacle("minio://bucket/key")
    assert Buckets().obstacle("gs://bucket/key") == "the server reads no gs:// storage"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert not Buckets().obstacle("s3://bucket/key")
    assert "AWS_ACCESS_KEY_ID" in Buckets(own_keys="key").obstacle("s3://bucket/key")
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert Buckets().obstacle("s3://bucket/key") == "the server has no client for it: install `penstock[s3]`"
