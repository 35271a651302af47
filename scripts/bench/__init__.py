"""Measurements of convfix: ``python -m scripts.bench NAME``; see README.md beside this file."""
