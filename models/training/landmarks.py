"""Which of MediaPipe's 478 points are packed with a picture, in which order, and how they mirror."""

# By MediaPipe's numbers; the left eye is the one on the left of the picture.
OUTLINE = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149,
           150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)  # fmt: skip
LEFT_EYE = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
RIGHT_EYE = (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249)
IRISES = (468, 473)
BROWS = (70, 63, 105, 66, 107, 300, 293, 334, 296, 336)
OUTER_LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
INNER_LIPS = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
NOSE = (168, 6, 197, 195, 5, 4, 1, 2, 98, 327, 129, 358)
CHEEKS = (50, 280, 117, 346, 205, 425, 187, 411)
PARTS = {"outline": OUTLINE, "left_eye": LEFT_EYE, "right_eye": RIGHT_EYE, "irises": IRISES, "brows": BROWS,
         "outer_lips": OUTER_LIPS, "inner_lips": INNER_LIPS, "nose": NOSE, "cheeks": CHEEKS}  # fmt: skip
POINTS = tuple(point for part in PARTS.values() for point in part)
PLACES: dict[str, slice] = {}
for _name, _part in PARTS.items():
    _start = sum(p.stop - p.start for p in PLACES.values())
    PLACES[_name] = slice(_start, _start + len(_part))
# For each packed point, where its counterpart on the other side of the face stands.
_SIDES = {"outline": [-i % 36 for i in range(36)], "left_eye": range(16), "right_eye": range(16), "irises": [1, 0],
          "brows": [*range(5, 10), *range(5)], "outer_lips": [(10 - i) % 20 for i in range(20)],
          "inner_lips": [(10 - i) % 20 for i in range(20)], "nose": [*range(8), 9, 8, 11, 10],
          "cheeks": [1, 0, 3, 2, 5, 4, 7, 6]}  # fmt: skip
_OTHER = {"left_eye": "right_eye", "right_eye": "left_eye"}
COUNTERPARTS = tuple(PLACES[_OTHER.get(name, name)].start + i for name, places in _SIDES.items() for i in places)
SCALE = 8192  # points are kept as whole numbers, in shares 1/SCALE of a crop's width
