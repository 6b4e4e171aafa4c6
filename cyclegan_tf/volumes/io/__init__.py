"""Volumes as files."""
