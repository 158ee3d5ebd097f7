"""What a code tells of the class: simple classifiers on features (n, F) that were learned without it, or beside it."""

import numpy as np
from torch import Tensor


def linear_probe_error(train: Tensor, labels: Tensor, test: Tensor, test_labels: Tensor) -> float:
    """Test error of a logistic regression on standardised features: what lies open in them (Alain & Bengio 2016).

    Args:
        train, test: (n, F) and (m, F)
        labels, test_labels: (n,) and (m,) classes.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, tol=1e-3))
    return _error(probe, train, labels, test, test_labels)


def neighbour_probe_error(
    train: Tensor, labels: Tensor, test: Tensor, test_labels: Tensor, neighbours: int = 15
) -> float:
    """Test error of the majority of the nearest features: what a curved boundary would find too; arguments as
    :func:`linear_probe_error`.
    """
    from sklearn.neighbors import KNeighborsClassifier

    return _error(KNeighborsClassifier(min(neighbours, len(train))), train, labels, test, test_labels)


def chance_error(labels: Tensor) -> float:
    """Error of always naming the most frequent class of (n,)."""
    return 1 - float(labels.bincount().max()) / len(labels)


def _error(classifier: object, train: Tensor, labels: Tensor, test: Tensor, test_labels: Tensor) -> float:
    fitted = classifier.fit(train.flatten(1).numpy(), labels.numpy())  # type: ignore[attr-defined]
    return float(np.mean(fitted.predict(test.flatten(1).numpy()) != test_labels.numpy()))
