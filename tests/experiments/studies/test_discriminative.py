"""Both tables of the study, on few digits."""

from .small import run


def test_errors_seconds_and_probes():
    panels = run("discriminative")
    classifiers = panels["classifiers"].frame
    assert classifiers["classifier"].tolist() == ["CNN", "q(y|x) of M2", "argmax of the bound"]
    assert classifiers["test error, %"].between(0, 85).all() and (classifiers["seconds of training"] > 0).all()
    probes = panels["linear-probes"].frame.set_index("seen")
    assert probes["numbers"].to_dict() == {
        "pixels": 64,
        "codes of the VAE": 3,
        "codes of the autoencoder": 3,
        "features of the CNN": 16,
    }
    assert probes.loc["pixels", "test error, %"] < 15 and probes.loc["pixels", "seconds of training"] == 0
