"""Runs that look for a number."""
