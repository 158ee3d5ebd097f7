"""Parts by name; what does not fit together is refused when the configuration is built."""

import pytest

from molvae.errors import ConfigError
from molvae.molecules.config import MoleculeVAEConfig
from molvae.molecules.vae import MoleculeVAE


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"encoder": "cn"}, "'encoder': no encoder 'cn': did you mean 'cnn'"),
        ({"decoder": "transformer"}, "no decoder 'transformer'"),
        ({"tokenizer": "SMILES"}, "no tokenizer 'SMILES'"),
        ({"encoder": "gru", "dilations": (1,)}, "only the encoder 'cnn' has dilations, not 'gru': leave them out"),
        ({"encoder": "gru", "narrow_channels": 4, "dilations": ()}, "narrow_channels and dilations"),
    ],
)
def test_what_is_unknown_or_idle_is_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        MoleculeVAEConfig.create(settings)


def test_the_defaults_are_the_shape_of_the_shipped_model():
    shipped = MoleculeVAE.from_pretrained("zinc250k-flow", "cpu").config
    assert MoleculeVAEConfig() == shipped


def test_a_configuration_is_the_same_after_json():
    config = MoleculeVAEConfig(encoder="gru", tokenizer="selfies", channels=32)
    assert MoleculeVAEConfig.create(config.model_dump(mode="json")) == config
