"""More bad input, of data as people have them: tables, arrays, folders, files of other programs; and bombs."""

import gzip
import io
import json
import struct
import subprocess
import sys
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image
from tests.cli.test_bad_input import CORRUPT, FIFO, FILES, FOLDER, USAGE, Row, assert_refused, table
from tests.malformed import IMAGES, LABELS, PAGE, PICKLE, cut, huge_png, idx, npy, npz, png, saved

ROW = ",".join(["7"] * 64)
HEAD = "label," + ",".join(f"p{n}" for n in range(64))
GREY = png(np.full((8, 8), 200))
FOUR = {
    "train-images-idx3-ubyte": idx(0x803, 20, 2, 2, body=bytes(range(80))),
    "train-labels-idx1-ubyte": idx(0x801, 20, body=bytes([0, 1] * 10)),
}


FOUR_OF_FRACTIONS = {
    "set/train-images-idx3-ubyte": idx(0x0D03, 20, 2, 2, body=bytes(320)),
    "set/train-labels-idx1-ubyte": FOUR["train-labels-idx1-ubyte"],
}


def csv(text, says, code=CORRUPT):
    content = text if isinstance(text, bytes) else text.encode()
    return Row("train -d my.csv", code, ("my.csv", says), {"my.csv": content})


TABLES = {
    "empty": csv("", "holds no row"),
    "blank": csv("\n\n\n", "holds no row"),
    "a header alone": csv(HEAD + "\n", "holds a header and no row"),
    "one column": csv("label\n1\n2\n", "rows have one column"),
    "a short row": csv(f"{HEAD}\n1,{ROW}\n2,7,7\n", "number of columns changed from 65 to 3"),
    "a word among pixels": csv(f"{HEAD}\n1,{ROW}\n2,{ROW[:-1]}x\n", "could not convert string"),
    "a cell left empty": csv(f"{HEAD}\n1,{ROW}\n2,{ROW[:-1]}\n", "could not convert string"),
    "NaN": csv(f"{HEAD}\n1,{ROW}\n2,{ROW[:-1]}nan\n", "not all finite"),
    "infinity": csv(f"{HEAD}\n1,{ROW}\n2,{ROW[:-1]}inf\n", "not all finite"),
    "half a label": csv(f"{HEAD}\n1.5,{ROW}\n2,{ROW}\n", "label 1.5 in row 0"),
    "pixels below zero": csv(f"{HEAD}\n1,-900{ROW[1:]}\n2,{ROW}\n", "smallest pixel is -900"),
    "pixels above 16 bits": csv(f"{HEAD}\n1,99999{ROW[1:]}\n2,{ROW}\n", "largest pixel is 99999"),
    "two columns of words": csv("name,kind,a,b\nx,y,1,2\nz,w,3,4\n", "texts in column 1 and 2"),
    "UTF-16": csv(f"{HEAD}\n1,{ROW}\n".encode("utf-16"), "is no text"),
    "bytes": csv(bytes(range(128, 256)) * 4, "is no text"),
    "a web page": csv(PAGE, "holds a header and no row"),
    "an archive by another name": csv(gzip.compress(b"1,2\n3,4\n"), "is no text"),
    "no label at all": csv(f"{ROW}\n{ROW}\n", "holds images, but there are no labels"),
    "one image a class": csv(f"{HEAD}\n1,{ROW}\n2,{ROW}\n", "no class has two images", USAGE),
    "a million columns": csv(b"0," * 1_000_000 + b"0\n", "has over 131,072 columns"),
    "a label of 20 digits": csv(
        "label,a,b,c,d\n" + "99999999999999999999,2,3,4,5\n" * 4, "expected a whole number below 2**24"
    ),
    "commas in numbers": csv("label;a;b\n" + "1;0,5;0,3\n" * 4, "texts in column 2 and 3"),
    "a null byte": csv("label,a,b,c,d\n" + "1,2,3\0,4,5\n" * 3, "texts in column 3"),
    "3,000 classes": csv("label,a,b,c,d\n" + "".join(f"{n},2,3,4,5\n" for n in range(3000)), "3000 different labels"),
    "a row without end": csv(b"0123456789" * 300_000, "a row has over"),
    "a pipe": Row("train -d my.csv", FILES, "my.csv", {"my.csv": FIFO}),
}


def arrays(says, code=CORRUPT, **named):
    return Row("train -d my.npz", code, ("my.npz", says), {"my.npz": npz(**named)})


def encrypted():
    """An archive whose only member is marked as encrypted."""
    content = bytearray(npz(x=IMAGES))
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(signature) + offset] |= 1
    return bytes(content)


def archive_of(name, content):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def absurd_npy():
    """A header of 10^12 numbers, and nothing behind it."""
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000,), }"
    header += b" " * (64 - (len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


ARRAYS = {
    "labels alone": arrays("y holds labels, but there are no images", y=LABELS),
    "images alone": arrays("x holds images, but there are no labels", x=IMAGES),
    "validation without labels": arrays("x_val holds images", x=IMAGES, y=LABELS, x_val=IMAGES),
    "a test part of another size": arrays(
        "images of", x_train=IMAGES, y_train=LABELS, x_test=IMAGES[:, :4], y_test=LABELS
    ),
    "images of five dimensions": arrays("shape (2, 2, 2, 2, 2)", x=np.zeros((2,) * 5, np.uint8), y=LABELS[:2]),
    "images that are words": arrays("pixels of type <U1", x=np.full((40, 4), "a"), y=LABELS),
    "labels in a matrix": arrays("is not one-hot", x=IMAGES, y=np.full((40, 3), 2)),
    "a label that no class has": arrays("expected one of a, b", x=IMAGES, y=LABELS, class_names=np.array(["a", "b"])),
    "more classes than images": arrays("different labels", x=np.repeat(IMAGES, 30, 0), y=np.arange(1200)),
    "labels for half of them": arrays("20 labels for 40 images", x=IMAGES, y=LABELS[:20]),
    "dates": arrays("pixels of type datetime64", x=np.zeros((40, 4), "M8[s]"), y=LABELS),
    "an array of records": arrays("pixels of type", x=np.zeros((40, 4), [("a", "u1")]), y=LABELS),
    "encrypted": Row("train -d my.npz", CORRUPT, ("my.npz", "not a whole .npz file"), {"my.npz": encrypted()}),
    "no array in it": Row("train -d my.npz", CORRUPT, "a.txt: cannot be read", {"my.npz": archive_of("a.txt", b"a")}),
    "torn": Row("train -d my.npz", CORRUPT, "not a whole .npz file", {"my.npz": cut(npz(x=IMAGES, y=LABELS))}),
    "a folder": Row("train -d my.npz", CORRUPT, "my.npz: 0 sub-folders", {"my.npz": FOLDER}),
    "one array": Row("train -d my.npy", USAGE, "my.npy holds one array", {"my.npy": npy(IMAGES)}),
    "a header of 10^12": Row("train -d set", CORRUPT, "x.npy: cannot be read", {"set/x.npy": absurd_npy()}),
    "objects": Row(
        "train -d set",
        CORRUPT,
        ("x.npy", "never opened", "np.savez"),
        {"set/x.npy": npy(np.array([{}], object)), "set/y.npy": npy(LABELS)},
    ),
    "two of one part": Row(
        "train -d set", CORRUPT, "both have", {"set/train.csv": b"1,2\n", "set/training.csv": b"1,2\n"}
    ),
    "IDX images alone": Row(
        "train -d set", CORRUPT, "there are no labels", {"set/train-images-idx3-ubyte": FOUR["train-images-idx3-ubyte"]}
    ),
    "IDX of fractions": Row(
        "train -d set",
        CORRUPT,
        ("train-images-idx3-ubyte", "its numbers are no bytes. Save them as uint8"),
        FOUR_OF_FRACTIONS,
    ),
    "IDX images of no height": Row(
        "train -d set", CORRUPT, "header promises 20 x 0 x 5", {"set/train-images-idx3-ubyte": idx(0x803, 20, 0, 5)}
    ),
    "rows of two ones": arrays("is not one-hot", x=IMAGES, y=np.tile([[1, 1, 0]], (40, 1))),
    "five dimensions": arrays("shape (40, 2, 3, 4, 4)", x=np.zeros((40, 2, 3, 4, 4), np.uint8), y=LABELS),
    "images and labels exchanged": arrays("x: shape (40,), expected (N, H, W)", x=LABELS, y=IMAGES),
    "letters for pixels": arrays("pixels of type <U1", x=np.array([["a", "b"]] * 40), y=LABELS),
    "IDX labels too few": Row(
        "train -d set",
        CORRUPT,
        "19 labels for 20 images",
        {
            "set/train-images-idx3-ubyte": FOUR["train-images-idx3-ubyte"],
            "set/train-labels-idx1-ubyte": idx(0x801, 19, body=bytes(19)),
        },
    ),
}

FOREIGN = {
    "a pickle": Row(
        "train -d my.pkl",
        USAGE,
        ("my.pkl is a pickle, which is never opened", "pickle.load", "np.savez"),
        {"my.pkl": PICKLE},
    ),
    "a pickle without a suffix": Row(
        "train -d data_batch_1", USAGE, ("is a pickle", "np.savez"), {"data_batch_1": PICKLE}
    ),
    "PyTorch's file": Row("train -d my.pt", USAGE, ("PyTorch's pickle", "weights_only=True"), {"my.pt": b"PK"}),
    "MATLAB's file": Row("train -d my.mat", USAGE, ("MATLAB's", "loadmat"), {"my.mat": b"MATLAB 5.0"}),
    "HDF5": Row("train -d my.h5", USAGE, ("HDF5", "h5py.File"), {"my.h5": b"\x89HDF"}),
    "an archive": Row("train -d my.zip", USAGE, "my.zip is an archive: unpack it", {"my.zip": archive_of("a", b"a")}),
    "one picture": Row("train -d my.png", USAGE, "my.png is one picture", {"my.png": GREY}),
    "a document": Row("train -d my.docx", USAGE, "my.docx: no file of arrays", {"my.docx": b"PK"}),
}


def folder(code, says, **files):
    paths = {f"set/{name.replace('__', '/')}": content for name, content in files.items()}
    return Row("train -d set", code, says, {path.replace("_dot_", "."): content for path, content in paths.items()})


def with_text(picture, size):
    """The PNG with a comment of that many null bytes, compressed."""
    chunk = b"iTXtComment\0\1\0\0\0" + zlib.compress(bytes(size), 1)
    return (
        picture[:33] + struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + picture[33:]
    )


HUGE_GIF = b"GIF89a\xff\xff\xff\xff\x80\0\0" + bytes(6) + b",\0\0\0\0\xff\xff\xff\xff\0\2\2L\1\0;"


def animated_gif():
    frames = [Image.new("L", (9, 9), shade) for shade in (0, 100, 200)]
    return saved(frames[0], "GIF", save_all=True, append_images=frames[1:])


FOLDERS = {
    "a class nobody trained": folder(
        CORRUPT,
        "c: a class that train/ has not",
        train__a__1_dot_png=GREY,
        train__b__1_dot_png=GREY,
        test__c__1_dot_png=GREY,
        test__a__1_dot_png=GREY,
    ),
    "two training parts": folder(
        CORRUPT, "are both the train part", train__a__1_dot_png=GREY, Training__a__1_dot_png=GREY
    ),
    "training images without classes": folder(
        CORRUPT, "outside of any class", train__1_dot_png=GREY, test__1_dot_png=GREY
    ),
    "a page by the name of a picture": folder(
        CORRUPT, ("1.png: content is no PNG", "--skip_damaged"), a__1_dot_png=PAGE, b__1_dot_png=GREY
    ),
    "a picture in a word file": folder(CORRUPT, "1.docx: expected only images", a__1_dot_docx=b"PK", b__1_dot_png=GREY),
    "a class within a class": folder(
        CORRUPT, "expected only images", a__1_dot_png=GREY, a__c__1_dot_png=GREY, b__1_dot_png=GREY
    ),
    "half a JPEG": folder(
        CORRUPT, "image is damaged", a__1_dot_jpg=cut(saved(Image.new("L", (64, 64)), "JPEG")), b__1_dot_png=GREY
    ),
    "half a GIF": folder(CORRUPT, "image is damaged", a__1_dot_gif=cut(animated_gif()), b__1_dot_png=GREY),
    "half a BMP": folder(
        CORRUPT, "image is damaged", a__1_dot_bmp=cut(saved(Image.new("L", (9, 9)), "BMP")), b__1_dot_png=GREY
    ),
    "half a WebP": folder(
        CORRUPT, "1.webp: ", a__1_dot_webp=cut(saved(Image.new("L", (64, 64)), "WEBP")), b__1_dot_png=GREY
    ),
    "an empty file": folder(CORRUPT, "file has 0 bytes", a__1_dot_png=b"", b__1_dot_png=GREY),
    "a TIFF of fractions": folder(
        CORRUPT,
        "its pixels are fractions",
        b__1_dot_png=GREY,
        a__1_dot_tif=saved(Image.fromarray(np.zeros((9, 9), np.float32)), "TIFF"),
    ),
    "a picture without end": folder(
        CORRUPT, "pixels. Make it smaller", a__1_dot_png=huge_png(50_000), b__1_dot_png=GREY
    ),
    "a text of 3 MB in a picture": folder(
        CORRUPT, "Decompressed ", a__1_dot_png=with_text(GREY, 3_000_000), b__1_dot_png=GREY
    ),
    "a GIF of 65,535 x 65,535": folder(CORRUPT, "pixels. Make it smaller", a__1_dot_gif=HUGE_GIF, b__1_dot_png=GREY),
    "one image a class": folder(USAGE, "no class has two images", a__1_dot_png=GREY, b__1_dot_png=GREY),
    "nothing whole": Row("train -d set --skip_damaged", CORRUPT, "x_train holds no images", {"set/a/1.png": PAGE}),
}

FLAGS = {
    "a table of other pictures": Row(
        "predict run my.csv", USAGE, ("images of 3 x 3 pixels", "expected 8 x 8"), {"my.csv": b"1,2,3,4,5,6,7,8,9\n"}
    ),
    "a table without pictures": Row("predict run my.npz", CORRUPT, "expected one of images", {"my.npz": npz(y=LABELS)}),
    "a pickle for a picture": Row("predict run my.pkl", CORRUPT, "content is no PNG", {"my.pkl": PICKLE}),
    "--kaggle alone": Row("predict run my.csv --kaggle", USAGE, "--csv FILE", {"my.csv": b"1,2\n"}),
    "images of no size": Row("train -d digits --resize 0", USAGE, "resize must be 1 to 4096, got 0"),
    "a switch that is neither": Row("train -d digits --skip_damaged perhaps", USAGE, "skip_damaged must be"),
    "a family of sets": Row("train -d emnist", USAGE, ("got 'emnist'", "Choose one: emnist_letters")),
    "images of several labels": Row("train -d chestmnist", USAGE, "got 'chestmnist'"),
    "the sixth of five": Row("train -d digits --fold 6/5", USAGE, "must be 1/5 to 5/5, got 6/5"),
    "all to validate": Row("train -d digits --validation_fraction 1", USAGE, "validation_fraction must be"),
}

__all__ = ["table"]  # a fixture
KINDS = {"table": TABLES, "array": ARRAYS, "foreign": FOREIGN, "folder": FOLDERS, "flag": FLAGS}
ALL = {f"{kind}: {name}": row for kind, rows in KINDS.items() for name, row in rows.items()}


@pytest.mark.parametrize("row", ALL.values(), ids=ALL.keys())
def test_bad_data(table, capsys, row):
    assert_refused(table, capsys, row)


def bomb_npz():
    """Half a megabyte that unpacks to 512."""
    return archive_of("x.npy", npy(np.zeros((1 << 19, 1024), np.uint8)))


BOMBS = {
    "x.npz": bomb_npz,
    "set/train-images-idx3-ubyte.gz": lambda: gzip.compress(idx(0x803, 1 << 15, 128, 128) + bytes(1 << 29), 1),
    "text/a/1.png": lambda: with_text(GREY, 300_000_000),
    "gif/a/1.gif": lambda: HUGE_GIF,
    "absurd/train-images-idx3-ubyte": lambda: idx(0x803, 2**31, 2**31, 2**31),
    "wide.csv": lambda: b"0," * 1_000_000 + b"0\n",
    "pictures/a/1.png": lambda: huge_png(100_000),
    "npy/x.npy": absurd_npy,
}
WATCH = """
import json, resource, sys, time
from handgrad.data import load
from handgrad.errors import HandgradError
found = {}
for path in ["digits", *sys.argv[1:]]:
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    try:
        load(path)
        said = "loaded"
    except HandgradError as error:
        said = str(error)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    found[path] = said, time.process_time() - start, grown
print(json.dumps(found))
"""


@pytest.mark.slow
def test_bombs_are_refused_within_a_second_of_cpu_and_64_megabytes(tmp_path):
    for name, make in BOMBS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(make())
    paths = [name.split("/")[0] for name in BOMBS]
    done = subprocess.run(
        [sys.executable, "-c", WATCH, *paths], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    for path, (said, seconds, megabytes) in json.loads(done.stdout).items():
        assert (said == "loaded") == (path == "digits"), (path, said)
        assert path == "digits" or (seconds < 1 and megabytes < 64), (path, seconds, megabytes, said)
