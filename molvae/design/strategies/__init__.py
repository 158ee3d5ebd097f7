"""What to score next: one file a strategy, found by name in :mod:`molvae.design.strategies.registry`."""
