"""Seeds of single steps, made from the seed of a run.

Whatever is random in step ``t`` of a run is a function of (seed, t): so a run that was killed goes on as if it had not
been. Generators take 64 bits; large seeds wrap around instead of overflowing.
"""

_STRIDE = 1_000_003  # a prime above the number of steps of most runs
_MODULUS = 2**63


def step_seed(seed: int, step: int, stride: int = _STRIDE) -> int:
    """The seed of a step, ``seed * stride + step`` within 63 bits.

    Args:
        seed: of the run.
        step: number of the step.
        stride: distance between the seeds of two runs.
    """
    return (seed * stride + step) % _MODULUS


def short_seed(seed: int) -> int:
    """The seed for libraries whose generators take 32 bits: NumPy's legacy generator, pandas and scikit-learn."""
    return seed % 2**32
