"""MNIST with a perceptron of one hidden layer, in the words of PyTorch.

    argand run examples/mnist_mlp.py

The data set is read from the folder that MNIST_ROOT names, or else from ./data, and downloaded to
it if it is not there.
"""

import os

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

EPOCHS = 10


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(28 * 28, 128)
        self.output = nn.Linear(128, 10)

    def forward(self, x):
        x = x.view(-1, 28 * 28)
        x = F.relu(self.hidden(x))
        return self.output(x)


def train(model, loader, criterion, optimizer):
    model.train()
    total = 0.0
    for images, labels in loader:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


def test(model, loader):
    model.eval()
    correct = 0
    with torch.no_grad():
        for images, labels in loader:
            predictions = model(images).argmax(dim=1)
            correct += (predictions == labels).sum().item()
    return 100 * correct / len(loader.dataset)


def main():
    torch.manual_seed(0)
    root = os.environ.get("MNIST_ROOT", "./data")
    to_tensor = transforms.ToTensor()
    train_set = datasets.MNIST(root, train=True, download=True, transform=to_tensor)
    test_set = datasets.MNIST(root, train=False, transform=to_tensor)
    train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=64)

    model = Net()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    for epoch in range(1, EPOCHS + 1):
        loss = train(model, train_loader, criterion, optimizer)
        print(f"epoch {epoch:2d}  loss {loss:.4f}")
    print(f"accuracy on {len(test_set)} test images: {test(model, test_loader):.2f} %")


if __name__ == "__main__":
    main()
