"""XML answers of the object endpoint, in the shapes of Amazon S3's REST API (version 2006-03-01)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from urllib.parse import quote
from xml.sax.saxutils import escape

from penstock.domain.objects import ObjectEntry

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


def iso_time(at: float) -> str:
    """S3's time format."""
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def error_document(code: str, message: str, resource: str) -> str:
    """An Error document."""
    return f"{_HEAD}<Error><Code>{code}</Code><Message>{escape(message)}</Message><Resource>{escape(resource)}</Resource></Error>"


def buckets_document(buckets: Sequence[tuple[str, float]]) -> str:
    """Answer of ListBuckets."""
    items = "".join(f"<Bucket><Name>{escape(name)}</Name><CreationDate>{iso_time(at)}</CreationDate></Bucket>" for name, at in buckets)
    return (
        f"{_HEAD}<ListAllMyBucketsResult {_NAMESPACE}><Owner><ID>penstock</ID></Owner><Buckets>{items}</Buckets></ListAllMyBucketsResult>"
    )


def location_document() -> str:
    """Answer of GetBucketLocation."""
    return f"{_HEAD}<LocationConstraint {_NAMESPACE}/>"


def list_document(
    bucket: str,
    *,
    version: int,
    prefix: str,
    delimiter: str,
    limit: int,
    encode: bool,
    entries: Sequence[ObjectEntry],
    prefixes: Sequence[str],
    next_token: str | None,
    token: str,
) -> str:
    """Answer of ListObjects (version 1) or ListObjectsV2."""

    def text(value: str) -> str:
        return quote(value, safe="/") if encode else escape(value)

    contents = "".join(
        f"<Contents><Key>{text(entry.key)}</Key><LastModified>{iso_time(entry.modified_at)}</LastModified>"
        f"<ETag>&quot;{entry.etag}&quot;</ETag><Size>{entry.size_bytes}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        for entry in entries
    )
    common = "".join(f"<CommonPrefixes><Prefix>{text(item)}</Prefix></CommonPrefixes>" for item in prefixes)
    fields = f"<Name>{escape(bucket)}</Name><Prefix>{text(prefix)}</Prefix><MaxKeys>{limit}</MaxKeys>"
    fields += f"<IsTruncated>{'true' if next_token else 'false'}</IsTruncated>"
    fields += f"<Delimiter>{text(delimiter)}</Delimiter>" if delimiter else ""
    fields += "<EncodingType>url</EncodingType>" if encode else ""
    if version == 2:
        fields += f"<KeyCount>{len(entries) + len(prefixes)}</KeyCount>"
        fields += f"<ContinuationToken>{escape(token)}</ContinuationToken>" if token else ""
        fields += f"<NextContinuationToken>{escape(next_token)}</NextContinuationToken>" if next_token else ""
    else:
        fields += f"<Marker>{text(token)}</Marker>"
        fields += f"<NextMarker>{text(next_token)}</NextMarker>" if next_token else ""
    return f"{_HEAD}<ListBucketResult {_NAMESPACE}>{fields}{contents}{common}</ListBucketResult>"


def upload_document(bucket: str, key: str, upload_id: str) -> str:
    """Answer of CreateMultipartUpload."""
    fields = f"<Bucket>{escape(bucket)}</Bucket><Key>{escape(key)}</Key><UploadId>{upload_id}</UploadId>"
    return f"{_HEAD}<InitiateMultipartUploadResult {_NAMESPACE}>{fields}</InitiateMultipartUploadResult>"


def completed_document(entry: ObjectEntry) -> str:
    """Answer of CompleteMultipartUpload."""
    fields = f"<Bucket>{escape(entry.bucket)}</Bucket><Key>{escape(entry.key)}</Key><ETag>&quot;{entry.etag}&quot;</ETag>"
    return f"{_HEAD}<CompleteMultipartUploadResult {_NAMESPACE}>{fields}</CompleteMultipartUploadResult>"


def copied_document(entry: ObjectEntry) -> str:
    """Answer of CopyObject."""
    fields = f"<LastModified>{iso_time(entry.modified_at)}</LastModified><ETag>&quot;{entry.etag}&quot;</ETag>"
    return f"{_HEAD}<CopyObjectResult {_NAMESPACE}>{fields}</CopyObjectResult>"


def deleted_document(keys: Sequence[str], *, quiet: bool) -> str:
    """Answer of DeleteObjects."""
    items = "" if quiet else "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
    return f"{_HEAD}<DeleteResult {_NAMESPACE}>{items}</DeleteResult>"
