"""The lecture: one study for each question that a first course on VAEs asks, as a function that returns panels.

To add one: a file with a ``Config``, a function ``run(config, data, seed, device, progress) -> list[Panel]`` and a
:class:`~molvae.experiments.studies.common.Study` of both, and a line in :mod:`molvae.experiments.studies.registry`.
"""
