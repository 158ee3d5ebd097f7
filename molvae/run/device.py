"""Where to compute and in which precision, chosen from what the machine has."""

import torch

from molvae.errors import ConfigError


def choose_device(name: str = "auto") -> torch.device:
    """``auto`` takes an accelerator when there is one; any torch device name is accepted.

    Raises:
        ConfigError: the name is not a device, or the machine does not have it.
    """
    if name == "auto":
        return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    try:
        device = torch.device(name)
        if device.type == "meta":
            raise RuntimeError("tensors there have a shape and no content")
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, ImportError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"device {name!r} cannot be used: {reason}; use --device auto or cpu") from None
    return device


def gains_from_bfloat16(device: torch.device) -> bool:
    """Whether matrix products in bfloat16 are faster than in float32 on this device."""
    if device.type == "cpu":
        # without matrix units (AMX) or AVX512-BF16 the processor emulates bfloat16, which is slower than float32
        return bool(torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported())
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return False
