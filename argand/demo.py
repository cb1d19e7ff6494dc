"""`argand demo`: a perceptron learns to read handwritten digits, in the way of any PyTorch program.

The 1,797 digits lie in the order of the people who wrote them. They are shuffled before a part is
held out for the test, so the test asks for other digits of the same hands.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from typing import TextIO

import argand
from argand import nn
from argand.utils.data import ConcatDataset, DataLoader, Subset, random_split
from argand.vision.datasets import Digits
from argand.vision.transforms import ToTensor

EPOCHS = 20
BATCH = 64
LEARNING_RATE = 3e-3
TEST_DIGITS = 297
DRAWN = 8  # one of them misread, if any is
PER_ROW = 4

Sample = tuple[argand.Tensor, int]  # an image and its digit


def main() -> int:
    """Train, test, and draw a few of the test digits; the exit status."""
    argand.manual_seed(0)
    training, test = load_digits()
    model = make_model()
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{len(training)} digits of 8 x 8 pixels, a perceptron with {parameters} parameters")

    begin = time.perf_counter()
    train(model, training)
    print(f"trained in {time.perf_counter() - begin:.1f} s")

    images, labels, predictions = predict(model, test)
    correct = predictions == labels
    print(f"accuracy on {len(labels)} other digits: {100 * correct.float().mean().item():.1f} %\n")
    wrong = (~correct).nonzero().flatten().tolist()
    shown = sorted({*range(DRAWN), *wrong[:1]})[-DRAWN:]
    for start in range(0, DRAWN, PER_ROW):
        row = shown[start : start + PER_ROW]
        draw(images[row], labels[row].tolist(), predictions[row].tolist())
    return 0


def load_digits() -> "list[Subset[Sample]]":
    """The digits for training and those for the test."""
    parts = [Digits(train=part, transform=ToTensor(), size=8) for part in (True, False)]
    digits: ConcatDataset[Sample] = ConcatDataset(parts)
    return random_split(digits, [len(digits) - TEST_DIGITS, TEST_DIGITS])


def make_model() -> nn.Module:
    """From (batch, 1, 8, 8) images to (batch, 10) logits."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(8 * 8, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


def train(model: nn.Module, digits: "Subset[Sample]") -> None:
    """Fit `model` with Adam, and print the mean loss of every epoch."""
    loader: DataLoader[Sample] = DataLoader(digits, batch_size=BATCH, shuffle=True)
    criterion = nn.CrossEntropyLoss()
    optimizer = argand.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    for epoch in range(1, EPOCHS + 1):
        total = 0.0
        for images, labels in progress(loader, f"epoch {epoch:2d}"):
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch:2d}  loss {total / len(loader):.4f}", flush=True)


def predict(
    model: nn.Module, digits: "Subset[Sample]"
) -> tuple[argand.Tensor, argand.Tensor, argand.Tensor]:
    """All images (n, 1, 8, 8), their labels (n,) and what `model` takes them for (n,)."""
    images, labels = next(iter(DataLoader(digits, batch_size=len(digits))))
    with argand.no_grad():
        return images, labels, model(images).argmax(1)


def progress(
    loader: "DataLoader[Sample]", title: str, stream: TextIO = sys.stderr
) -> Iterator[list[argand.Tensor]]:
    """The batches of `loader`, with a bar on `stream` meanwhile if somebody looks at it."""
    visible = stream.isatty()
    width = 30
    for i, batch in enumerate(loader):
        if visible:
            done = width * i // len(loader)
            stream.write(f"\r{title}  [{'#' * done}{'.' * (width - done)}] {i}/{len(loader)}")
            stream.flush()
        yield batch
    if visible:
        stream.write("\r\033[K")  # back to the start of the line, and clear it
        stream.flush()


def draw(images: argand.Tensor, labels: Sequence[int], predictions: Sequence[int]) -> None:
    """Print images (n, 1, rows, columns) with values 0 to 1 side by side, verdicts beneath."""
    shades = " ░▒▓█" if can_print("░▒▓█") else " .+%@"
    levels = (images[:, 0] * (len(shades) - 1)).round().int().tolist()
    lines = [["".join(2 * shades[level] for level in row) for row in image] for image in levels]
    verdicts = [
        f"{label} read as {read}" + ("" if read == label else ", wrong")
        for label, read in zip(labels, predictions)
    ]
    width = len(lines[0][0])
    for cells in [*zip(*lines), verdicts, ()]:
        print("  ".join(f"{cell:<{width}}" for cell in cells).rstrip())


def can_print(text: str) -> bool:
    """Whether the encoding of standard output has the characters of `text`.

    >>> can_print("plain text")
    True
    """
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
