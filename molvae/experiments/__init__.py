"""Whole runs: each a recipe that executes itself, with what it measures and shows."""
