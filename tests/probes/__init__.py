"""Tests of everything that looks."""
