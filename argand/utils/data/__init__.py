"""Data sets, the orders they are drawn in, and `DataLoader`.

Mirrors `torch.utils.data`: https://docs.pytorch.org/docs/stable/data.html
"""

from argand.utils.data.collate import default_collate as default_collate
from argand.utils.data.collate import default_convert as default_convert
from argand.utils.data.dataloader import DataLoader as DataLoader
from argand.utils.data.dataset import ChainDataset as ChainDataset
from argand.utils.data.dataset import ConcatDataset as ConcatDataset
from argand.utils.data.dataset import Dataset as Dataset
from argand.utils.data.dataset import IterableDataset as IterableDataset
from argand.utils.data.dataset import StackDataset as StackDataset
from argand.utils.data.dataset import Subset as Subset
from argand.utils.data.dataset import TensorDataset as TensorDataset
from argand.utils.data.dataset import random_split as random_split
from argand.utils.data.sampler import BatchSampler as BatchSampler
from argand.utils.data.sampler import RandomSampler as RandomSampler
from argand.utils.data.sampler import Sampler as Sampler
from argand.utils.data.sampler import SequentialSampler as SequentialSampler
from argand.utils.data.sampler import SubsetRandomSampler as SubsetRandomSampler
from argand.utils.data.sampler import WeightedRandomSampler as WeightedRandomSampler
from argand.utils.data.workers import get_worker_info as get_worker_info
