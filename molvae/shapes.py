"""Named shapes of tensors: the glossary of the code, and what the tests check at run time.

    S  samples of z            B  examples in a batch      D  latent dimensions
    F  independent parts of a code (dimensions, variables)
    N  variables of a discrete code, each with C classes; D = N C
    *K leading axes of a condition (the classes that M2 sums over), usually none
    T  points on a path        n, m any number of points

The annotations cost nothing when molvae runs; the tests import these modules through jaxtyping and beartype, which
then compare every argument and result with its annotation, letters included.
"""

from jaxtyping import Float
from torch import Tensor

PerExample = Float[Tensor, "*K B"]
"""One number for each example, in nats."""
PerSample = Float[Tensor, "S *K B"]
"""One number for each sample of each example, in nats."""
Codes = Float[Tensor, "*K B D"]
"""One latent point for each example: a posterior's parameters."""
Samples = Float[Tensor, "S *K B D"]
"""Samples of z."""
PerFactor = Float[Tensor, "*K B F"]
"""One number for each independent part of each code, in nats."""
Classes = Float[Tensor, "*K B N C"]
"""Log probabilities of the classes of each variable."""
Point = Float[Tensor, " D"]
"""One latent point."""
Points = Float[Tensor, "n D"]
"""Latent points."""
Drawn = Float[Tensor, "m D"]
"""Further latent points in the same space."""
Fractions = Float[Tensor, " T"]
"""Places on a path, 0 at its start and 1 at its end."""
Path = Float[Tensor, "T D"]
"""Latent points on a path."""
