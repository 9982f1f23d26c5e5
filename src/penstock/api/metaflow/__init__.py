"""Metaflow's metadata service 2.5 over HTTP (Metaflow protocol notes, sections 1 to 3)."""

from penstock.api.metaflow.routes import MetaflowServices, routes

__all__ = ["MetaflowServices", "routes"]
