import re

import numpy as np
import pytest

from armlet import build, compile_model
from armlet.artifact import Artifact
from armlet.errors import InvalidArtifactError, UsageError
from armlet.inference import (
    check_features,
    check_fit,
    check_output_name,
    infer,
    profile,
    save_outputs,
)
from armlet.targets import find_core, open_device
from armlet.targets.board_files import parse_board

from .boards.trees import as_read, pi4, pi5


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    model = build("mobilenet_v3_small", resolution=64, width=0.35, classes=10)
    return compile_model(model, tmp_path_factory.mktemp("made") / "artifact", find_core("host"))


@pytest.fixture(scope="module")
def for_arm(tmp_path_factory):
    model = build("mobilenet_v3_small", resolution=64, width=0.35, classes=10)
    return compile_model(model, tmp_path_factory.mktemp("made") / "arm", find_core("cortex-a76"))


def test_runs_and_agrees(artifact):
    result = infer(artifact, open_device("host"), artifact.sample[0])
    assert result.worst_error < 1e-5
    assert result.same == 1
    (logits,) = result.outputs
    assert [row["class"] for row in result.answer.rows] == list(np.argsort(-logits[0])[:5])
    assert result.answer.rows[0]["value"] == logits.max()


def test_another_shape(artifact):
    with pytest.raises(UsageError, match=r"shape \[1, 3, 32, 32\], expected \[1, 3, 64, 64\]"):
        infer(artifact, open_device("host"), np.zeros((1, 3, 32, 32), np.float32))


def test_code_for_another_machine_or_newer_core_is_refused_before_it_runs(artifact, for_arm):
    with pytest.raises(InvalidArtifactError, match=r"compiled for cortex-a76 .*, which host cannot run"):
        check_fit(for_arm, open_device("host"))
    with pytest.raises(InvalidArtifactError, match="which emulated:cortex-a53 cannot run"):
        check_fit(for_arm, open_device("emulated:cortex-a53"))
    with pytest.raises(InvalidArtifactError, match="which sim:cortex-a53 cannot run"):
        check_fit(for_arm, open_device("sim:cortex-a53"))
    with pytest.raises(InvalidArtifactError, match="which emulated:cortex-a76 cannot run"):
        check_fit(artifact, open_device("emulated:cortex-a76"))
    check_fit(for_arm, open_device("emulated:cortex-a55"))
    check_fit(for_arm, open_device("rpc://127.0.0.1:9"))


@pytest.mark.emulator
@pytest.mark.parametrize(
    ("family", "devices", "refused"),
    [
        ("armv8-a", ["emulated:cortex-a53", "emulated:cortex-a76", "emulated:cortex-a710"], ["host"]),
        ("armv8.2-a+fp16+dotprod", ["emulated:cortex-a76"], ["sim:cortex-a53", "emulated:cortex-a72"]),
    ],
)
def test_a_family_runs_on_every_core_with_its_features(tmp_path, family, devices, refused):
    model = build("mobilenet_v3_small", resolution=64, width=0.35, classes=10)
    artifact = compile_model(model, tmp_path / "artifact", find_core(family))
    assert artifact.report["verification"]["device"] == f"emulated:{family}"
    outputs = [infer(artifact, open_device(uri), artifact.sample[0]).outputs[0] for uri in devices]
    assert all((output == outputs[0]).all() for output in outputs)
    assert profile(artifact, open_device("sim:cortex-a55")).simulation.cycles > 0
    for uri in refused:
        with pytest.raises(InvalidArtifactError, match=rf"compiled for {re.escape(family)} .* cannot run"):
            check_fit(artifact, open_device(uri))


def test_outputs_are_saved_whole(tmp_path):
    save_outputs([np.arange(6.0)], tmp_path / "one.npy")
    assert np.load(tmp_path / "one.npy").tolist() == list(range(6))
    save_outputs([np.zeros(6), np.ones(3)], tmp_path / "two.npz")
    assert np.load(tmp_path / "two.npz")["arr_1"].tolist() == [1, 1, 1]
    with pytest.raises(UsageError, match="--force"):
        save_outputs([np.zeros(2)], tmp_path / "one.npy")
    save_outputs([np.zeros(2)], tmp_path / "one.npy", force=True)
    assert np.load(tmp_path / "one.npy").tolist() == [0, 0]


def test_the_suffix_must_fit_the_number_of_outputs(artifact, tmp_path):
    check_output_name(tmp_path / "one.npy", artifact)
    with pytest.raises(UsageError, match=r"must end in \.npy"):
        check_output_name(tmp_path / "one.npz", artifact)


def test_another_tvm_is_refused(artifact):
    other = Artifact(
        artifact.folder, artifact.manifest | {"pins": artifact.manifest["pins"] | {"apache-tvm": "0.26"}}
    )
    with pytest.raises(InvalidArtifactError, match=r"compiled with TVM 0\.26 .*, here is 0\.27"):
        check_fit(other, open_device("host"))


def test_a_newer_host_is_refused(artifact):
    target = artifact.manifest["target"]
    newer = Artifact(artifact.folder, artifact.manifest | {"target": target | {"mcpu": "x86-64-v9"}})
    with pytest.raises(InvalidArtifactError, match=r"host \(x86-64-v9\), which host cannot run"):
        check_fit(newer, open_device("host"))
    older = Artifact(artifact.folder, artifact.manifest | {"target": target | {"mcpu": "x86-64"}})
    check_fit(older, open_device("host"))


def test_inputs_must_be_finite(artifact):
    image = artifact.sample[0].copy()
    image[0, 0, 0, 0] = np.nan
    with pytest.raises(UsageError, match="NaN or infinity"):
        infer(artifact, open_device("host"), image)


def test_code_for_a_newer_core_is_refused_by_what_the_board_shows(for_arm):
    old, new = (parse_board(as_read(files)) for files in (pi4(), pi5()))
    check_features(for_arm, new, "rpc://pi5")
    check_features(for_arm, None, "rpc://board")
    with pytest.raises(
        InvalidArtifactError,
        match="is compiled for cortex-a76, rpc://pi4 has 4 cortex-a72, which lack asimdhp and asimddp",
    ):
        check_features(for_arm, old, "rpc://pi4")
