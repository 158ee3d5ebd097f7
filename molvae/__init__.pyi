from molvae.activity.model import ActivityModel as ActivityModel
from molvae.core.pretrained import load_model as load_model
from molvae.design.campaign import Campaign as Campaign
from molvae.design.objective import Objective as Objective
from molvae.images.vae import ImageVAE as ImageVAE
from molvae.molecules.graph_vae import GraphVAE as GraphVAE
from molvae.molecules.vae import MoleculeVAE as MoleculeVAE
from molvae.version import __version__ as __version__
