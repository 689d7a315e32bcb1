import h5py
import numpy as np
import pytest

from armlet import build

LARGE, SMALL, V2 = "mobilenet_v3_large", "mobilenet_v3_small", "mobilenet_v2"
OLD_NAMES = {
    # What Keras 2 called layers whose names Keras 3 changed: slashes are no longer allowed.
    "_squeeze_excite_conv": "/squeeze_excite/Conv",
    "_depthwise": "/depthwise",
    "_expand": "/expand",
    "_project": "/project",
    "_bn": "/BatchNorm",
    "logits": "Logits",
}


@pytest.fixture(scope="module")
def made(made_by):
    return made_by("keras_networks.py")


def build_from(made, file, name, **options):
    """The network, its image as the preprocessing makes it, and what Keras computed."""
    data = np.load(made / f"{file.partition('.')[0]}.npz")
    image = (data["image"] / 127.5 - 1).transpose(0, 3, 1, 2)
    model = build(name, weights=made / file, resolution=image.shape[2], **options)
    return model, image, data["logits"]


@pytest.mark.parametrize(
    ("file", "name", "options"),
    [
        ("large.weights.h5", LARGE, {}),
        ("small.weights.h5", SMALL, {"width": 0.5, "classes": 10}),
        ("small.keras", SMALL, {"width": 0.5, "classes": 10}),
        ("small.h5", SMALL, {"width": 0.5, "classes": 10}),
        ("small-wide.weights.h5", SMALL, {"width": 1.25, "classes": 10}),
        ("small-minimalistic.weights.h5", SMALL, {"minimalistic": True, "classes": 10}),
        ("v2.weights.h5", V2, {"width": 0.5, "classes": 10}),
    ],
)
def test_the_same_outputs(made, agree, file, name, options):
    agree(*build_from(made, file, name, **options))


def test_files_of_keras_2(made, agree, tmp_path):
    """The layers of `small.h5` under their old names, variables with `:0`, as weights alone."""
    (tmp_path / "small.npz").symlink_to(made / "small.npz")
    with h5py.File(made / "small.h5") as new, h5py.File(tmp_path / "small.h5", "w") as old:
        names = []
        for layer in new["model_weights"].attrs["layer_names"]:
            group = new["model_weights"][layer]
            name = layer.capitalize() if layer.startswith("conv") else layer
            for ours, theirs in OLD_NAMES.items():
                name = name.replace(ours, theirs)
            weights = [f"{name}/{w.rpartition('/')[2]}:0" for w in group.attrs["weight_names"]]
            target = old.create_group(name) if name not in old else old[name]
            for theirs, ours in zip(weights, group.attrs["weight_names"], strict=True):
                target[theirs] = group[ours][()]
            target.attrs["weight_names"] = [weight.encode() for weight in weights]
            names.append(name)
        old.attrs["layer_names"] = [name.encode() for name in names]
        assert {"Conv/BatchNorm", "expanded_conv/depthwise", "expanded_conv_3/squeeze_excite/Conv_1"} <= set(
            names
        )
    agree(*build_from(tmp_path, "small.h5", SMALL, width=0.5, classes=10))


@pytest.mark.parametrize(("file", "name"), [("small.weights.h5", SMALL), ("v2.weights.h5", V2)])
def test_files_without_names_of_layers(made, agree, tmp_path, file, name):
    """Early files of Keras 3: class and order alone."""
    path = tmp_path / file
    path.write_bytes((made / file).read_bytes())
    (tmp_path / file.replace("weights.h5", "npz")).symlink_to(made / file.replace("weights.h5", "npz"))
    with h5py.File(path, "r+") as edited:
        for group in edited["layers"].values():
            group["vars"].attrs.pop("name", None)
    agree(*build_from(tmp_path, file, name, width=0.5, classes=10))
