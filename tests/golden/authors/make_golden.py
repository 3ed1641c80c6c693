"""Makes parity.npz: what the authors' own code answers with weights from a seed.

    python make_golden.py --authors-repo DIR [--output parity.npz] [--pdparams DIR]

DIR is a checkout of the authors' repository; the interpreter needs numpy and Paddle. The weights are not stored: the
tests make them again from the seed, so the file holds their names and shapes, and samples of what came out.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[np.float32]]
SEED = 20220613
_MOST_SAMPLES = 5003
_GAINS = {"final.7.weight": 0.002, "mask.5.weight": 0.004}
"""What stands before the tanh and the sigmoid, so that neither saturates and hides a difference."""


def seeded(shapes: Mapping[str, tuple[int, ...]], seed: int = SEED) -> Arrays:
    """Parameters of moderate size, batch norms with statistics far from 0 and 1; each depends on its name only."""
    return {name: _parameter(name, tuple(shape), seed) for name, shape in shapes.items()}


def _parameter(name: str, shape: tuple[int, ...], seed: int) -> npt.NDArray[np.float32]:
    random = np.random.default_rng([seed, zlib.crc32(name.encode())])
    if name.endswith("_variance"):
        return random.uniform(0.5, 2.0, shape).astype(np.float32)
    if shape == (1,) and name.endswith("_weight"):
        return random.uniform(0.1, 0.4, shape).astype(np.float32)
    if len(shape) == 1:
        if not name.endswith(".weight"):
            return (0.1 * random.standard_normal(shape)).astype(np.float32)
        # The last batch norm of a residual branch: small, or 33 branches would add up beyond all measure.
        scale = 0.3 if name.startswith("layer") and name.endswith("bn2.weight") else 1.0
        return (scale * random.uniform(0.6, 1.4, shape)).astype(np.float32)
    fan_in = shape[0] if len(shape) == 2 else int(np.prod(shape[1:]))
    return random.standard_normal(shape, np.float32) * np.float32(_GAINS.get(name, 1.0) * np.sqrt(1.5 / fan_in))


def seeded_inputs(seed: int = SEED) -> Arrays:
    """face (1, 3, 112, 112) normalised, and image (1, 3, 224, 224), 0..1, smooth with some noise."""
    random = np.random.default_rng([seed, 1])
    y, x = np.mgrid[0:224, 0:224] / 224
    waves = [np.sin(3 * x + 5 * y), np.cos(7 * x * y), np.sin(9 * (x - 0.5) ** 2 + 4 * y)]
    image = 0.5 + 0.35 * np.stack(waves) + 0.05 * random.standard_normal((3, 224, 224))
    face = random.standard_normal((1, 3, 112, 112))
    return {"face": face.astype(np.float32), "image": np.clip(image, 0, 1)[None].astype(np.float32)}


def sampled(array: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """All of a small array, evenly spread samples of a large one."""
    flat = np.asarray(array, np.float32).ravel()
    return flat[:: max(1, -(-flat.size // _MOST_SAMPLES))]


def _answers(repository: Path, pdparams: Path | None) -> tuple[Arrays, dict[str, dict[str, tuple[int, ...]]]]:
    """What the authors' networks say, by name, and the shapes of their parameters, by file."""
    sys.path.insert(0, str(repository))
    import paddle
    from models.arcface import IRBlock, ResNet
    from models.model import BuildFaceSwap, FaceSwap, l2_norm

    encoder, predictor, swapper = ResNet(block=IRBlock, layers=[3, 4, 23, 3]), BuildFaceSwap(), FaceSwap()
    shapes = {}
    for file, layer in (("arcface", encoder), ("MobileFaceSwap_224", predictor)):
        shapes[file] = {name: tuple(value.shape) for name, value in layer.state_dict().items()}
        layer.set_state_dict(seeded(shapes[file]))
        layer.eval()
        if pdparams:
            paddle.save(layer.state_dict(), str(pdparams / f"{file}.pdparams"))
    inputs = seeded_inputs()
    with paddle.no_grad():
        embedding, feature_map = encoder(paddle.to_tensor(inputs["face"]))
        swapper.set_model_param(l2_norm(embedding), feature_map, model_weight=predictor.state_dict())
        swapper.eval()
        swapped, mask = swapper(paddle.to_tensor(inputs["image"]))
    answers = {"embedding": embedding, "feature_map": feature_map, "swapped": swapped, "mask": mask}
    for part, stages in (("encoder", swapper.swap_model.Encoder), ("decoder", swapper.swap_model.Decoder)):
        for number, stage in enumerate(stages):
            answers[f"{part}.{number}.depthwise"] = stage[0].weight
            answers[f"{part}.{number}.pointwise"] = stage[1].weight
    return {name: value.numpy() for name, value in answers.items()}, shapes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--authors-repo", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "parity.npz")
    parser.add_argument("--pdparams", type=Path, help="also write the seeded weights there as Paddle saves them")
    args = parser.parse_args()
    answers, shapes = _answers(args.authors_repo, args.pdparams)
    kept = {name: sampled(value) for name, value in answers.items()}
    np.savez_compressed(args.output, shapes=json.dumps(shapes), **kept)
    for name, value in answers.items():
        print(f"{name:<22} {value.shape!s:<20} mean {value.mean():+.4f} deviation {value.std():.4f}")
    print(f"{args.output}: {args.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
