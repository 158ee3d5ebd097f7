"""Settings of a campaign become those of its domain: what is not given is filled in, what is given stays."""

import pytest

from molvae.chemistry.domain import MOLECULES
from molvae.design.settings import CampaignConfig
from molvae.errors import ConfigError
from molvae.proteins.domain import PROTEINS


@pytest.mark.parametrize(("domain", "strategy"), [(MOLECULES, "hybrid"), (PROTEINS, "latent")])
def test_each_domain_has_a_default_strategy(domain, strategy):
    assert CampaignConfig().for_domain(domain).chosen_strategy == strategy


def test_a_given_strategy_stays():
    assert CampaignConfig(strategy="genetic").for_domain(MOLECULES).chosen_strategy == "genetic"


def test_settings_without_a_domain_name_no_strategy():
    with pytest.raises(ConfigError, match="name no strategy"):
        CampaignConfig().chosen_strategy  # noqa: B018


def test_an_unknown_strategy_is_refused():
    with pytest.raises(ConfigError, match="no strategy 'latnet'"):
        CampaignConfig.create({"strategy": "latnet"})
