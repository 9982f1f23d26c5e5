"""An S3-compatible object endpoint, as far as Metaflow's datastore and everyday boto3 code need it."""

from penstock.api.s3.routes import S3Services, routes

__all__ = ["S3Services", "routes"]
