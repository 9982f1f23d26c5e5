"""Use cases of the embedded object endpoint: named blobs, listings, multipart uploads."""
