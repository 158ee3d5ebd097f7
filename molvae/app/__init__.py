"""``molvae app``: the engines of the package on a page in the browser (extra ``app``: streamlit).

The page holds no logic of its own: it asks, checks and shows. A campaign is a
:class:`~molvae.experiments.design.DesignRecipe` that a process of its own executes (:mod:`molvae.app.worker`), what is
shown is read from its run folder, a laboratory is :mod:`molvae.experiments.laboratory`, the report is
:mod:`molvae.report`.

Who sits at the browser is a stranger:

- what may be chosen is looked up by name (:mod:`molvae.app.choices`); a formula that would read a folder, an oracle of
  somebody's own and a model outside the workspace are refused before anything is opened, and again in the worker;
- a run is named by a short name and lies in the workspace (:mod:`molvae.app.workspace`); links that lead out of it are
  not followed;
- an upload keeps nothing of its name but its suffix, has a largest size, and lies in a folder of its session
  (:mod:`molvae.app.uploads`);
- all text is escaped, drawings are images, and nothing is loaded from anywhere but this server
  (:mod:`molvae.app.cards`, :mod:`molvae.app.text`).
"""
