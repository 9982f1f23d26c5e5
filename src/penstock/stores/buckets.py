"""Objects in S3 and stores that speak its protocol, read by boto3 (`interfaces.remote_files.RemoteFiles`).

Access is what boto3 finds in the environment of the server: keys, profiles, roles, and `AWS_ENDPOINT_URL_S3` for a store elsewhere. A
`minio://` address names no store of its own, so it needs that variable.
"""

from __future__ import annotations

import importlib
import os
import threading
from functools import cached_property
from pathlib import Path
from typing import Any

from penstock.domain.errors import NotFoundError, UnavailableError
from penstock.interfaces.remote_files import no_way

_SCHEMES = ("s3", "minio")
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_CONNECT_SECONDS = 10
_ABSENT = {"404", "NoSuchKey", "NotFound"}


class Buckets:
    """Fetches `s3://bucket/key` and `minio://bucket/key`."""

    def __init__(self, *, own_keys: str = "") -> None:
        """Look at nothing yet: boto3 is loaded when it is first needed.

        Args:
            own_keys: how access keys of this server's own store begin, which open no other one: `penstock env` puts one into a shell.
        """
        self._own_keys = own_keys
        self._lock = threading.Lock()

    def knows(self, uri: str) -> bool:
        """See `RemoteFiles.knows`."""
        return uri.partition("://")[0] in _SCHEMES

    def obstacle(self, uri: str) -> str:
        """See `RemoteFiles.obstacle`."""
        if not self.knows(uri):
            return no_way(uri)
        if self._boto is None:
            return "the server has no client for it: install `penstock[s3]`"
        if uri.startswith("minio://") and not any(os.environ.get(name) for name in _ENDPOINTS):
            return f"the server does not know that store: start it with {_ENDPOINTS[0]} set to its address"
        with self._lock:
            has_keys = self._has_keys
        keys = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile"
        return "" if has_keys else f"the server has no keys for it: start it with {keys}"

    def fetch(self, uri: str, target: Path) -> None:
        """See `RemoteFiles.fetch`."""
        bucket, _, key = uri.partition("://")[2].partition("/")
        errors = importlib.import_module("botocore.exceptions")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if not (key and not key.endswith("/") and self._fetch_object(bucket, key, target)):
                self._fetch_below(bucket, key, target, uri)
        except (errors.BotoCoreError, errors.ClientError, OSError) as error:
            raise UnavailableError(f"{uri} could not be fetched: {error}") from error

    def _fetch_object(self, bucket: str, key: str, target: Path) -> bool:
        try:
            self._client.download_file(bucket, key, str(target))
        except importlib.import_module("botocore.exceptions").ClientError as error:
            if error.response.get("Error", {}).get("Code") not in _ABSENT:
                raise
            return False
        return True

    def _fetch_below(self, bucket: str, key: str, target: Path, uri: str) -> None:
        prefix = f"{key.rstrip('/')}/" if key else ""
        count = 0
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", ()):
                parts = item["Key"].removeprefix(prefix).split("/")
                if parts[-1] and not {"", ".", ".."} & set(parts):  # an empty last part: a mark of a directory
                    place = target.joinpath(*parts)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    self._client.download_file(bucket, item["Key"], str(place))
                    count += 1
        if not count:
            raise NotFoundError(f"there is nothing at {uri}")

    @cached_property
    def _boto(self) -> Any:
        try:
            return importlib.import_module("boto3")
        except ImportError:
            return None

    @cached_property
    def _session(self) -> Any:
        return self._boto.session.Session()

    @cached_property
    def _has_keys(self) -> bool:
        """Asked once: where there are none, boto3 asks the cloud's metadata service, which takes seconds where there is no cloud."""
        keys = self._session.get_credentials()
        return keys is not None and not (self._own_keys and str(keys.access_key).startswith(self._own_keys))

    @cached_property
    def _client(self) -> Any:
        config = importlib.import_module("botocore.config").Config(connect_timeout=_CONNECT_SECONDS, retries={"total_max_attempts": 3})
        with self._lock:
            return self._session.client("s3", config=config)
