"""Looks into pickles without running them: a stand-alone program and the service that starts it."""
