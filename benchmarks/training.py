"""Whole training steps: gradients cleared, forward, loss, backward, optimizer, the loss read."""

from typing import Any

from benchmarks.work import Call, Work

TITLE = "Training steps"


def step_of(model: Any, criterion: Any, optimizer: Any, inputs: Any, targets: Any) -> Call:
    def step() -> float:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
        value: float = loss.item()
        return value

    return step


def perceptron(torch: Any) -> Call:
    nn = torch.nn
    inputs, targets = torch.rand(64, 784), torch.randint(0, 10, (64,))
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    return step_of(model, nn.CrossEntropyLoss(), optimizer, inputs, targets)


def regression(torch: Any) -> Call:
    inputs = torch.arange(1.0, 6.0).unsqueeze(1)
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    return step_of(model, torch.nn.MSELoss(), optimizer, inputs, 2 * inputs)


def convolutions(torch: Any) -> Call:
    nn = torch.nn
    inputs, targets = torch.rand(64, 3, 24, 24), torch.randint(0, 10, (64,))
    model = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 6 * 6, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return step_of(model, nn.CrossEntropyLoss(), optimizer, inputs, targets)


WORKS = [
    Work("perceptron 784-128-10, batch of 64, Adam", perceptron, 3.0),
    Work("linear regression of 5 points, SGD", regression, 1.5),
    Work("CNN 3x24x24, 32 and 64 channels, batch of 64", convolutions, 1.8),
]
