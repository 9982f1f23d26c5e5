"""KFP v1beta1 over HTTP, for kfp 1.8: the same use cases and tables as v2beta1 (kfp 1.8 protocol notes, section 2)."""

from penstock.api.kfp_v1.routes import KfpV1Services, routes

__all__ = ["KfpV1Services", "routes"]
