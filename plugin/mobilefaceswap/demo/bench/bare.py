"""The yardstick: decodes a clip and encodes it again with nothing in between, as fast as PyAV can.

``python -m mobilefaceswap.demo.bench.bare IN OUT JSON``; the encoder is the one that ``swap`` chooses for the clip.
Decoder and encoder use threads as ``swap`` does; decoding runs ahead of encoding in a thread of its own.
"""

from __future__ import annotations

import json
import queue
import sys
import threading
from typing import Any

import av

_AHEAD = 4


def transcode(place: str, target: str, encoder: dict[str, Any]) -> None:
    """Writes the pictures of ``place`` to ``target``. encoder: codec, pix_fmt and options."""
    with av.open(place) as source, av.open(target, "w") as output:
        pictures = source.streams.video[0]
        pictures.thread_type = "AUTO"
        stream: Any = output.add_stream(encoder["codec"], rate=pictures.average_rate, options=encoder["options"])
        stream.width, stream.height, stream.pix_fmt = pictures.width, pictures.height, encoder["pix_fmt"]
        stream.codec_context.time_base = pictures.time_base
        stream.thread_type = "AUTO"
        decoded: queue.Queue[Any] = queue.Queue(_AHEAD)

        def read() -> None:
            for item in source.decode(pictures):
                decoded.put(item)
            decoded.put(None)

        reader = threading.Thread(target=read)
        reader.start()
        while (picture := decoded.get()) is not None:
            picture.pict_type = 0
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
        reader.join()


if __name__ == "__main__":
    transcode(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
