"""The lecture: one study for each question that a first course on VAEs asks, each a function that returns panels.

To add one: a module with a ``Config`` and a function ``run(config, data, seed, device, progress) -> list[Panel]``, and
a line in :mod:`molvae.experiments.studies.registry`.
"""
