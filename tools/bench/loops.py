"""The loops people write: one image a second with PyAV or OpenCV. loops.py pyav|opencv VIDEO FOLDER"""

import sys
from fractions import Fraction

import cv2

QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 90]


def pyav(video, folder):
    import av

    with av.open(video) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        first, held, images = None, None, 0

        def write(frame):
            cv2.imwrite(f"{folder}/{images + 1:06d}.jpg", frame.to_ndarray(format="bgr24"), QUALITY)

        for frame in container.decode(stream):
            first = frame.pts if first is None else first
            at = (frame.pts - first) * stream.time_base
            # The frame at a time is the last one that is not later.
            while held is not None and images < at:
                write(held)
                images += 1
            held, end = frame, at + Fraction(1) / stream.average_rate
        while images < end:
            write(held)
            images += 1
    return images


def opencv(video, folder):
    capture = cv2.VideoCapture(video)
    rate = capture.get(cv2.CAP_PROP_FPS)
    number = images = 0
    while capture.grab():
        if number >= images * rate:
            _, frame = capture.retrieve()
            cv2.imwrite(f"{folder}/{images + 1:06d}.jpg", frame, QUALITY)
            images += 1
        number += 1
    return images


if __name__ == "__main__":
    loop = {"pyav": pyav, "opencv": opencv}[sys.argv[1]]
    cv2.setNumThreads(2)
    print(loop(sys.argv[2], sys.argv[3]))
