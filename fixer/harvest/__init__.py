"""Reads the package index and the wheels on it, and writes data files: what the harvester and ``data update`` share."""
