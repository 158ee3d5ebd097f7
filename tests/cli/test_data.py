"""Data sets and molecule files."""


def test_fetch_from_a_mirror(molvae, data_mirror):
    done = molvae("data", "fetch", "freyfaces", "--mirror", data_mirror, "--cache", "kept")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "kept/freyfaces/frey-faces-idx3-ubyte.gz\n"


def test_prepare_counts_what_it_read(molvae, tmp_path):
    (tmp_path / "in.smi").write_text("CCO\nOCC\nC1CC\n")
    done = molvae("data", "prepare", "in.smi", "-q")
    assert done.returncode == 0, done.stderr
    assert "{'read': 3, 'rejected': 1, 'duplicates': 1, 'kept': 1}" in done.stdout
