"""Semi-supervised learning with deep generative models (Kingma et al. 2014): M1, M2 and M1+M2.

M1      a VAE of all images; a classifier on its codes sees only the labelled ones    section 2.1
M2      p(x|y,z) p(y) p(z) with q(y|x) q(z|x,y); an unknown y is summed out           eq. 2, 6, 7
M1+M2   M2 on the codes of M1                                                         section 2.3

-L(x, y) = E_q[log p(x|y,z)] + log p(y) - KL(q(z|x,y) || p(z))    a labelled image       eq. 6
-U(x)    = sum_y q(y|x) (-L(x, y)) + H(q(y|x))                    an unlabelled one      eq. 7
         = E_q(y|x)[-L(x, y)] + H(q(y|x)), y ~ Gumbel-softmax     the same by a draw     Jang et al. 2016
J        = sum -L + sum -U + alpha E[log q(y|x)]                  what is maximised      eq. 9

With a hundred labels J alone does not tell where a class ends: the bound prefers classes that explain slant and width.
Two terms on unlabelled images, both off if their weight is zero, say what a class is: q(y|x) does not change within a
small ball around x (virtual adversarial training, Miyato et al. 2018), and all classes are decided and used (Krause et
al. 2010).
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from molvae.core.categorical import RelaxedCategorical
from molvae.core.distributions import standard_normal_like
from molvae.core.fit import FitConfig, Objective
from molvae.core.objectives import elbo, mmd_of_classes
from molvae.core.terms import Terms
from molvae.errors import ConfigError, InputError
from molvae.images.batches import Binarisation, ImageBatch, ImageBatches, binarise
from molvae.images.datasets import ImageSplit
from molvae.images.networks import ENCODERS, NetworkConfig
from molvae.images.vae import ImageVAE, ImageVAEConfig
from molvae.run.config import Config


class M2Config(Config):
    """One M2 model and how it is trained."""

    vae: ImageVAEConfig = ImageVAEConfig(
        conditional=True, network=NetworkConfig(hidden_size=500, depth=1, activation="softplus")
    )
    """p(x|y,z) and q(z|x,y); conditional."""
    classifier: NetworkConfig = NetworkConfig(hidden_size=500, depth=2, activation="relu")
    """q(y|x)."""
    alpha: float = Field(30.0, ge=0, le=1e6)
    """Weight of the mean log q(y|x) of labelled images beside the mean bound of the unlabelled ones (paper: 0.1)."""
    labelled_weight: float = Field(0.1, ge=0, le=1e6)
    """Weight of the mean bound of labelled images beside that of unlabelled ones (paper: their share of the data)."""
    smoothness: float = Field(30.0, ge=0, le=1e6)
    """Weight of the change of q(y|x) in the worst direction around an unlabelled x (virtual adversarial training); with
    this and ``information`` at 0 it is M2 as published.
    """
    radius: float = Field(1.0, gt=0, le=1e6)
    """Length of that step, in units of x."""
    information: float = Field(30.0, ge=0, le=1e6)
    """Weight of the mutual information between class and image on unlabelled data: classes decided, all of them
    used.
    """
    unknown_class: Literal["sum", "gumbel", "straight_through"] = "sum"
    """What stands for the class of an unlabelled image: every class in turn, or one draw of q(y|x), relaxed or as a
    one-hot (Jang et al. 2016, section 3.3): one pass of the VAE instead of K.
    """
    temperature: float = Field(0.5, gt=0, le=1000)
    """Of such a draw."""
    style_mmd: float = Field(0.0, ge=0, le=1e6)
    """Weight of the discrepancy of the codes of each class from the prior, on unlabelled images whose classes count as
    q(y|x) says: a style that tells nothing of its class (Louizos et al. 2016).
    """
    bound_weight: float = Field(1.0, ge=0, le=1e6)
    """Weight of both bounds; 0 leaves the classifier alone, to see what the generative model adds."""
    batch_size: int = Field(200, ge=1, le=100_000)
    """Unlabelled images a step."""
    labelled_batch_size: int = Field(100, ge=1, le=100_000)
    """Labelled images a step."""
    binarisation: Binarisation = "dynamic"
    fit: FitConfig = FitConfig(epochs=30)


class CodeM2Config(M2Config):
    """M2 on the codes of M1: M1+M2."""

    vae: ImageVAEConfig = ImageVAEConfig(
        conditional=True,
        likelihood="gaussian_shared_sigma",
        sigma=1.0,
        network=NetworkConfig(hidden_size=500, depth=1, activation="softplus"),
    )
    alpha: float = Field(10.0, ge=0, le=1e6)
    smoothness: float = Field(10.0, ge=0, le=1e6)
    information: float = Field(10.0, ge=0, le=1e6)
    binarisation: Binarisation = "none"


@dataclass(frozen=True)
class SemiBatch:
    """Images with and without a class, for one step."""

    labelled: ImageBatch
    unlabelled: ImageBatch

    def __len__(self) -> int:
        return len(self.unlabelled)

    def to(self, device: torch.device) -> "SemiBatch":
        """The batch on a device."""
        return SemiBatch(self.labelled.to(device), self.unlabelled.to(device))


class SemiBatches:
    """Batches of all images, each with a batch of labelled ones that comes round again and again."""

    def __init__(self, labelled: ImageSplit, unlabelled: ImageSplit, config: M2Config) -> None:
        if labelled.labels is None:
            raise InputError("semi-supervised learning needs the classes of the labelled images")
        seed, policy = config.fit.seed, config.binarisation
        self.unlabelled = ImageBatches(
            ImageSplit(unlabelled.pixels), config.batch_size, seed, policy
        )  # without their labels: they must not be seen
        self.labelled = ImageBatches(labelled, min(config.labelled_batch_size, len(labelled)), seed + 1, policy)

    def __len__(self) -> int:
        return len(self.unlabelled)

    def epoch(self, number: int, skip: int = 0) -> Iterator[SemiBatch]:
        """The batches of an epoch, from batch ``skip`` on."""
        rounds = len(self.labelled)
        for step, unlabelled in enumerate(self.unlabelled.epoch(number, skip), start=skip):
            turn = number * len(self) + step
            yield SemiBatch(next(self.labelled.epoch(turn // rounds, turn % rounds)), unlabelled)


class M2(nn.Module):
    """p(x|y,z) p(y) p(z) with a uniform p(y), q(z|x,y) and the classifier q(y|x).

    Args:
        config: architecture and objective.
        shape: (C, H, W) of an image, or (1, 1, D) of a code of M1.
        classes: K.
    """

    def __init__(self, config: M2Config, shape: tuple[int, int, int], classes: int) -> None:
        if not config.vae.conditional:
            raise ConfigError("M2 needs a conditional VAE: set vae.conditional = true")
        super().__init__()
        self.config, self.classes = config, classes
        self.vae = ImageVAE(config.vae, shape, classes)
        self.classifier = ENCODERS[config.classifier.kind](shape, classes, config.classifier)

    def log_q_y(self, pixels: Tensor) -> Tensor:
        """log q(y|x): (B, C, H, W) -> (B, K)."""
        return torch.log_softmax(self.classifier(pixels).float(), -1)

    def labelled_bound(self, batch: ImageBatch, generator: torch.Generator) -> Tensor:
        """-L(x, y) of each labelled image, (B,), eq. 6."""
        return elbo(self.vae.terms(batch, 1, generator)) - math.log(self.classes)

    def unlabelled_bound(self, batch: ImageBatch, log_q_y: Tensor, generator: torch.Generator) -> Tensor:
        """-U(x) of each image, (B,), eq. 7: every class in turn, weighed by q(y|x) (B, K), or by a draw of it."""
        q_y = log_q_y.exp()
        if self.config.unknown_class != "sum":
            hard = self.config.unknown_class == "straight_through"
            q = RelaxedCategorical(log_q_y.unsqueeze(1), self.config.temperature, hard)
            drawn = ImageBatch(batch.pixels, q.rsample(1, generator)[0], batch.index)
            entropy = -(q_y * log_q_y).sum(-1)
            terms = self.vae.terms(drawn, 1, generator)
            return elbo(terms) - math.log(self.classes) + entropy - self._style(terms, q_y)
        # labels (K, 1) beside pixels (B, ...): the classes become a leading axis, and the bound (K, B)
        every = torch.arange(self.classes, device=batch.pixels.device).unsqueeze(-1)
        terms = self.vae.terms(ImageBatch(batch.pixels, every, batch.index), 1, generator)
        of_classes = (q_y.t() * (elbo(terms) - math.log(self.classes))).sum(0)
        return of_classes - (q_y * log_q_y).sum(-1) - self._style(terms, q_y)

    def _style(self, terms: Terms, q_y: Tensor) -> Tensor | float:
        """``style_mmd`` times the discrepancy; the classifier learns nothing from it."""
        if not self.config.style_mmd:
            return 0.0
        return self.config.style_mmd * mmd_of_classes(terms, q_y.detach())

    @torch.no_grad()
    def predict(self, pixels: Tensor) -> Tensor:
        """Most probable class of each image, (n,)."""
        return torch.cat([self.log_q_y(part).argmax(-1) for part in pixels.split(1000)])


def m2_objective(config: M2Config) -> Objective:
    """Eq. 9 per unlabelled image: its bound, the weighted mean bound of labelled images, and alpha log q(y|x)."""

    def objective(
        model: nn.Module, batch: SemiBatch, step: int, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        assert isinstance(model, M2) and batch.labelled.labels is not None
        both = torch.cat([batch.labelled.pixels, batch.unlabelled.pixels])
        log_q_y = model.log_q_y(both)
        known, unknown = log_q_y[: len(batch.labelled)], log_q_y[len(batch.labelled) :]
        classification = known.gather(-1, batch.labelled.labels.unsqueeze(-1)).squeeze(-1)
        value, logged = (config.alpha * classification.mean()).expand(len(batch)), {"log_q_y": classification}
        if config.bound_weight:
            unlabelled = model.unlabelled_bound(batch.unlabelled, unknown, generator)
            labelled = model.labelled_bound(batch.labelled, generator)
            value = value + config.bound_weight * (unlabelled + config.labelled_weight * labelled.mean())
            logged |= {"unlabelled": unlabelled, "labelled": labelled}
        if config.information:
            value = value + config.information * mutual_information(unknown)
        if config.smoothness:
            change = adversarial_change(model.log_q_y, batch.unlabelled.pixels, config.radius, generator)
            value = value - config.smoothness * change.mean()
            logged["change"] = change
        return value, logged

    return objective


def mutual_information(log_q_y: Tensor) -> Tensor:
    """I(y; x) under q over a batch: H(mean q(y|x)) - mean H(q(y|x)), a number (Krause et al. 2010, eq. 5)."""
    q_y = log_q_y.exp()
    marginal = q_y.mean(0).clamp(min=1e-8)
    return -(marginal * marginal.log()).sum() + (q_y * log_q_y).sum(-1).mean()


def adversarial_change(
    log_q_y: Callable[[Tensor], Tensor], pixels: Tensor, radius: float, generator: torch.Generator
) -> Tensor:
    """KL(q(y|x) || q(y|x + r)) of each image for the r of length ``radius`` that changes q most (Miyato et al. 2018,
    algorithm 1, one power iteration): (B,).

    Args:
        log_q_y: (B, ...) -> (B, K), log probabilities.
        pixels: (B, ...)
        radius: length of r.
        generator: randomness of the direction that the iteration starts from.
    """
    # in float32: differences over a small step drown in the rounding of bfloat16
    with torch.autocast(pixels.device.type, enabled=False):
        with torch.no_grad():
            here = log_q_y(pixels)

        def change(step: Tensor) -> Tensor:
            return (here.exp() * (here - log_q_y(pixels + step))).sum(-1)

        direction = _unit(standard_normal_like(pixels, tuple(pixels.shape), generator)).requires_grad_()
        (gradient,) = torch.autograd.grad(change(radius / 3 * direction).sum(), direction)
        return change(radius * _unit(gradient))


def _unit(x: Tensor) -> Tensor:
    return x / x.flatten(1).norm(dim=1).clamp(min=1e-12).view(-1, *[1] * (x.ndim - 1))


class ErrorValidator:
    """Error of the classifier on labelled images that were held out: for the curve, not to choose weights by."""

    def __init__(self, held_out: ImageSplit, policy: Binarisation) -> None:
        if held_out.labels is None:
            raise InputError("the error needs the classes of the held-out images")
        self.pixels = binarise(held_out.pixels, policy, torch.Generator().manual_seed(0))
        self.labels = held_out.labels

    def __call__(self, model: nn.Module, step: int) -> dict[str, float]:
        """Fraction of wrong classes."""
        assert isinstance(model, M2)
        device = next(model.parameters()).device
        wrong = model.predict(self.pixels.to(device)).cpu() != self.labels
        # the last weights are kept, whatever the error: with 100 labels nobody has a validation set to choose by
        return {"error": float(wrong.float().mean()), "objective": float(step)}


def draw_labelled(data: ImageSplit, number: int, classes: int, seed: int, balanced: bool = True) -> Tensor:
    """Rows of ``number`` images, the same number of each class (as far as it divides): a label seed of the tables.

    Where classes are too rare for that, ``balanced = False`` draws among all images, as they come.

    Raises:
        ConfigError: there are fewer images, or of a class, than asked for.
    """
    if data.labels is None:
        raise InputError("semi-supervised learning needs the classes of the labelled images")
    random = np.random.default_rng(seed)
    if not balanced:
        if number > len(data):
            raise ConfigError(f"there are {len(data)} images, not {number}")
        return torch.from_numpy(random.choice(len(data), number, replace=False))
    rows: list[Any] = []
    for label in range(classes):
        wanted = number // classes + (label < number % classes)
        members = np.flatnonzero(data.labels.numpy() == label)
        if wanted > len(members):
            raise ConfigError(f"class {label} has {len(members)} images, not {wanted}: set balanced to false")
        rows.extend(random.choice(members, wanted, replace=False))
    return torch.from_numpy(np.array(rows))


def support_vector_error(train: Tensor, labels: Tensor, test: Tensor, test_labels: Tensor) -> float:
    """Test error of an RBF support vector machine on features (n, F): raw pixels, or codes of M1 (M1 + SVM)."""
    from sklearn.svm import SVC

    machine = SVC(C=10.0).fit(train.flatten(1).numpy(), labels.numpy())
    return float(np.mean(machine.predict(test.flatten(1).numpy()) != test_labels.numpy()))


def label_spreading_error(
    train: Tensor, labels: Tensor, unlabelled: Tensor, test: Tensor, test_labels: Tensor, alpha: float = 0.99
) -> float:
    """Error on test images that are part of the graph on which labels spread (Zhou et al. 2004): ten nearest neighbours
    among labelled, unlabelled and test images. Transductive, as the TSVM of Kingma et al. 2014.

    F = (I - alpha S)^-1 Y with S = D^-1/2 W D^-1/2, W the symmetric graph of neighbours, Y one-hots of the labelled.
    """
    from scipy.sparse import diags, identity
    from scipy.sparse.linalg import cg
    from sklearn.neighbors import kneighbors_graph

    features = np.concatenate([part.flatten(1).numpy() for part in (train, unlabelled, test)])
    graph = kneighbors_graph(features, min(10, len(features) - 1))
    graph = graph.maximum(graph.T)
    scale = diags(1 / np.sqrt(np.asarray(graph.sum(1)).ravel()))
    system = identity(len(features)) - alpha * (scale @ graph @ scale)
    spread = np.empty((len(features), int(labels.max()) + 1))
    for label in range(spread.shape[1]):
        seeds = np.zeros(len(features))
        seeds[: len(labels)] = (labels == label).numpy()
        spread[:, label], _ = cg(system, seeds, rtol=1e-6)
    return float(np.mean(spread[-len(test) :].argmax(1) != test_labels.numpy()))
