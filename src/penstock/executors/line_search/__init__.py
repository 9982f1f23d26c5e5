"""Searches for regular expressions of readers in isolated processes."""
