"""Encoders in folders of this machine: tiny ones with random weights, in the layout of the real ones."""

import json
import shutil
import sys

import pytest
import torch

from molvae.errors import CheckpointError, ConfigError, MissingDependencyError
from molvae.experiments.registry import make_recipe
from molvae.proteins import local_encoder
from molvae.proteins.batches import plain_batch, tokenise
from molvae.proteins.local_encoder import LocalEncoder, adopt
from molvae.proteins.pretraining import Backbone, CompressConfig, compress
from molvae.proteins.sequence import RESIDUES
from molvae.proteins.training import FamilyTrainConfig, train_family
from molvae.proteins.vae import ProteinVAE
from molvae.run.progress import silent
from molvae.run.recipe import Context

from .conftest import COMPRESSION

transformers = pytest.importorskip("transformers")
LETTERS = "LAGVSERTIDPKQNFYMHWCXBUZO"  # as ESM-2 and ProtT5 order them, nearly
BLOCK = {"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32, "hidden_size": 24}


def make(family: str, folder) -> None:
    """A folder as ``save_pretrained`` of the library writes it."""
    folder.mkdir()
    if family == "t5":
        sentencepiece = pytest.importorskip("sentencepiece")
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter([" ".join(LETTERS)] * 20), model_prefix=str(folder / "spiece"), model_type="word",
            vocab_size=len(LETTERS) + 3, hard_vocab_limit=False, pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
            minloglevel=2,
        )  # fmt: skip
        (folder / "spiece.vocab").unlink()
        (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "T5Tokenizer", "extra_ids": 100}))
        config = transformers.T5Config(vocab_size=140, d_model=24, d_kv=8, d_ff=32, num_layers=1, num_heads=2)
        transformers.T5EncoderModel(config).save_pretrained(folder)
    else:
        marks = ["<cls>", "<pad>", "<eos>", "<unk>"] if family == "esm" else ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
        marks_behind = ["<mask>"] if family == "esm" else ["[MASK]"]
        (folder / "vocab.txt").write_text("\n".join([*marks, *LETTERS, *marks_behind]))
        if family == "esm":
            tokenizer = transformers.EsmTokenizer(str(folder / "vocab.txt"))
            config = transformers.EsmConfig(
                vocab_size=30, pad_token_id=1, mask_token_id=29, position_embedding_type="rotary", **BLOCK
            )
            network = transformers.EsmModel(config)
        else:
            tokenizer = transformers.BertTokenizer(str(folder / "vocab.txt"), do_lower_case=False)
            network = transformers.BertModel(transformers.BertConfig(vocab_size=30, **BLOCK))
        tokenizer.save_pretrained(folder)
        network.save_pretrained(folder)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A folder of each family; written without the library's bars."""
    transformers.utils.logging.disable_progress_bar()
    place = tmp_path_factory.mktemp("encoders")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for family in ("esm", "t5", "bert"):
            make(family, place / family)
    return place


def train(backbone, members, folder) -> ProteinVAE:
    settings = {"latent_size": 4, "hidden_size": 16, "batch_size": 10, "fit": {"epochs": 1}}
    config = FamilyTrainConfig.create(settings)
    return train_family(config, backbone, members[:50], members[50:], folder, None, "cpu", silent)


@pytest.mark.parametrize("family", ["esm", "t5", "bert"])
def test_states_are_those_that_the_library_gives(folders, family):
    encoder = LocalEncoder(adopt(folders / family))
    sequences = ["MKVAYDLE", "ACD", RESIDUES]
    states, mask = encoder(tokenise(sequences), torch.zeros(3))
    assert states.shape == (3, len(RESIDUES) + 1, 24) and mask.sum((1, 2, 3)).tolist() == [9, 4, 21]
    tokenizer = transformers.AutoTokenizer.from_pretrained(folders / family)
    kinds = {"esm": transformers.EsmModel, "t5": transformers.T5EncoderModel, "bert": transformers.BertModel}
    network = kinds[family].from_pretrained(folders / family).eval()
    for row, text in enumerate(sequences):
        tokens = tokenizer(text if family == "esm" else " ".join(text), return_tensors="pt")
        with torch.no_grad():
            expected = network(tokens["input_ids"]).last_hidden_state[0]
        expected = expected if family == "t5" else expected[1:]  # the mark at the beginning
        torch.testing.assert_close(states[row, : len(text) + 1], expected, rtol=1e-4, atol=1e-5)


def test_a_family_is_trained_over_a_folder(folders, backbone, members, tmp_path):
    config = CompressConfig.create({"window": 20, "batch_size": 8, "compression": COMPRESSION, "fit": {"epochs": 1}})
    both = compress(
        config, backbone, members[:50], members[50:], tmp_path / "2", "cpu", silent, local=adopt(folders / "esm")
    )
    both.save(tmp_path / "2" / "model")
    loaded = Backbone.load(tmp_path / "2")
    assert loaded.local == both.local
    model = train(loaded, members, tmp_path / "3")
    model.save_pretrained(tmp_path / "3" / "model")
    again = ProteinVAE.from_pretrained(tmp_path / "3", "cpu")
    torch.testing.assert_close(again.encode(members[:5]), model.encode(members[:5]))
    assert again.states(members[:5]).shape == (5, 24)
    assert not [
        name for name in again.state_dict() if name.startswith("encoder.transformer")
    ]  # they stay where they are


def test_a_recipe_takes_a_folder(folders, backbone, members, tmp_path):
    backbone.save(tmp_path / "first")
    (tmp_path / "family.txt").write_text("\n".join(members))
    settings = {"kind": "proteins_compress", "data": str(tmp_path / "family.txt")}
    settings |= {"transformer": str(tmp_path / "first"), "encoder": str(folders / "esm")}
    settings["train"] = {"window": 20, "batch_size": 8, "compression": COMPRESSION, "fit": {"epochs": 1}}
    make_recipe(settings).execute(Context(tmp_path / "run", device="cpu", progress=silent))
    assert Backbone.load(tmp_path / "run").local == adopt(folders / "esm")
    assert "stay in their folder" in (tmp_path / "run" / "model" / "README.md").read_text()
    with pytest.raises(ConfigError, match="untrained"):
        make_recipe({**settings, "untrained": True}).execute(Context(tmp_path / "other", device="cpu", progress=silent))


def test_a_folder_that_is_gone_or_altered_is_told(folders, backbone, members, tmp_path):
    shutil.copytree(folders / "esm", tmp_path / "esm")
    local = adopt(tmp_path / "esm")
    model = train(Backbone(backbone.transformer.config, backbone.config, local), members, tmp_path / "run")
    local_encoder._load.cache_clear()
    with (tmp_path / "esm" / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"?")
    with pytest.raises(CheckpointError, match="other weights than this model was built on"):
        model.encode(members[:2])
    shutil.rmtree(tmp_path / "esm")
    with pytest.raises(CheckpointError, match="which is gone: put it there again"):
        model.encode(members[:2])
    assert len(model.generate(torch.zeros(2, 4))[0]) == 2  # to decode there is no need of it


def test_what_is_no_encoder_is_refused(folders, backbone, tmp_path, monkeypatch):
    with pytest.raises(CheckpointError, match="nothing is downloaded"):
        adopt("facebook/esm2_t6_8M_UR50D")
    pickled = tmp_path / "pickled"
    shutil.copytree(folders / "esm", pickled)
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="Weights in a pickle"):
        adopt(pickled)
    (pickled / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(CheckpointError, match="type 'gpt2'; encoders here are esm, t5, bert"):
        adopt(pickled)
    (pickled / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="damaged"):
        adopt(pickled)
    with pytest.raises(ConfigError, match="not a multiple of the 2 heads"):
        Backbone(backbone.transformer.config, backbone.config, adopt(folders / "esm").model_copy(update={"width": 25}))
    local_encoder._load.cache_clear()
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingDependencyError, match=r"molvae\[proteins\]"):
        LocalEncoder(adopt(folders / "esm"))(plain_batch(["MKV"]).source, torch.zeros(1))
