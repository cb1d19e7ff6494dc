"""Worker processes: order, seeds, errors, death, and that none is left behind."""

import itertools
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

import argand
from argand.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    TensorDataset,
    get_worker_info,
)

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the data sets here cannot be pickled"),
    pytest.mark.filterwarnings("ignore:DataLoader. .* workers on"),
]


class Computed(Dataset):
    """Samples made by a function of the index."""

    def __init__(self, count, function):
        self.count = count
        self.function = function

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return self.function(index)


class Shards(IterableDataset):
    """Worker `i` gives `lengths[i]` samples `(i, position)`."""

    def __init__(self, *lengths):
        self.lengths = lengths

    def __iter__(self):
        number = get_worker_info().id
        return iter([(number, position) for position in range(self.lengths[number])])


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def wait_until_gone(pids, seconds=20):
    deadline = time.monotonic() + seconds
    while any(is_alive(pid) for pid in pids):
        assert time.monotonic() < deadline, f"still alive: {pids}"
        time.sleep(0.05)


def worker_pids(iterator):
    return [worker.process.pid for worker in iterator._pool._workers]


@pytest.mark.parametrize("num_workers", [1, 2, 3])
@pytest.mark.parametrize("shuffle", [False, True])
def test_workers_give_what_one_process_gives(num_workers, shuffle):
    dataset = TensorDataset(argand.randn(23, 2), argand.arange(23))

    def run(**options):
        argand.manual_seed(5)
        loader = DataLoader(dataset, batch_size=4, shuffle=shuffle, **options)
        return [[part.tolist() for part in batch] for batch in loader for _ in range(1)]

    assert run(num_workers=num_workers, prefetch_factor=1) == run()


def test_structures_and_dtypes_survive_the_journey():
    def sample(index):
        return {
            "tensor": argand.full((2, 3), index, dtype=argand.float16),
            "bfloat16": argand.full((2,), index, dtype=argand.bfloat16),
            "array": np.full((2, 0), index),
            "scalar": index / 2,
            "texts": [f"sample {index}"],
            "empty": (),
        }

    (here,) = DataLoader(Computed(3, sample), batch_size=3)
    (there,) = DataLoader(Computed(3, sample), batch_size=3, num_workers=1)
    assert list(here) == list(there)
    for key in ("tensor", "bfloat16", "array", "scalar"):
        assert here[key].dtype == there[key].dtype
        assert here[key].shape == there[key].shape
        assert here[key].tolist() == there[key].tolist()
    assert here["texts"] == there["texts"]
    assert there["empty"] == []
    there["tensor"] += 1  # received memory is writable
    assert there["tensor"].tolist() == (here["tensor"] + 1).tolist()


def test_large_batches():
    dataset = Computed(6, lambda index: np.full((300, 1000), index, "f4"))
    loader = DataLoader(dataset, batch_size=2, num_workers=2)
    assert [batch[:, 7, 5].tolist() for batch in loader] == [[0, 1], [2, 3], [4, 5]]


def test_a_slow_worker_does_not_change_the_order():
    def sample(index):
        time.sleep(0.2 if index == 0 else 0)
        return index

    loader = DataLoader(Computed(8, sample), num_workers=2)
    assert [batch.item() for batch in loader] == list(range(8))


def test_out_of_order_gives_what_is_ready():
    def sample(index):
        time.sleep(1.0 if index == 0 else 0)
        return index

    loader = DataLoader(Computed(8, sample), num_workers=2, in_order=False)
    order = [batch.item() for batch in loader]
    assert sorted(order) == list(range(8))
    assert order[0] != 0


def test_seeds_of_workers():
    def sample(index):
        info = get_worker_info()
        return {
            "worker": info.id,
            "workers": info.num_workers,
            "seed": info.seed,
            "torch seed": argand.initial_seed(),
            "python": random.getrandbits(31),
            "numpy": int(np.random.randint(2**31)),  # noqa: NPY002
            "tensor": argand.rand(1).item(),
        }

    generator = argand.Generator()
    generator.manual_seed(9)
    base_seed = int(argand.empty((), dtype=argand.int64).random_(generator=generator).item())
    generator.manual_seed(9)
    loader = DataLoader(Computed(2, sample), batch_size=None, num_workers=2, generator=generator)
    for number, found in enumerate(loader):
        seed = base_seed + number
        words = np.random.SeedSequence([number, base_seed & 0xFFFFFFFF, base_seed >> 32, 0])
        legacy = np.random.RandomState(words.generate_state(4))
        own = argand.Generator()
        own.manual_seed(seed)
        assert found == {
            "worker": number,
            "workers": 2,
            "seed": seed,
            "torch seed": seed,
            "python": random.Random(seed).getrandbits(31),
            "numpy": int(legacy.randint(2**31)),
            "tensor": argand.rand(1, generator=own).item(),
        }


def test_worker_init_fn_runs_after_seeding():
    state = {}

    def init(number):
        state["id"] = number
        state["drawn"] = argand.rand(1).item()
        with pytest.raises(AttributeError):
            get_worker_info().id = 7

    def sample(index):
        return (state["id"], state["drawn"], get_worker_info().id)

    loader = DataLoader(Computed(4, sample), batch_size=None, num_workers=2, worker_init_fn=init)
    found = list(loader)
    assert [(one, other) for one, _, other in found] == [(0, 0), (1, 1), (0, 0), (1, 1)]
    assert found[0][1] != found[1][1]
    assert state == {}
    assert get_worker_info() is None


def test_workers_use_one_thread():
    loader = DataLoader(Computed(1, lambda _: argand.get_num_threads()), num_workers=1)
    assert [batch.item() for batch in loader] == [1]


@pytest.mark.parametrize(
    ("drop_last", "expected"),
    [
        (False, [(0, [0, 1]), (1, [0, 1]), (2, [0, 1]), (0, [2]), (1, [2, 3]), (1, [4, 5])]),
        (True, [(0, [0, 1]), (1, [0, 1]), (2, [0, 1]), (1, [2, 3]), (1, [4, 5])]),
    ],
)
def test_streams_of_unequal_length(drop_last, expected):
    loader = DataLoader(Shards(3, 6, 2), batch_size=2, num_workers=3, drop_last=drop_last)
    assert [(who[0].item(), what.tolist()) for who, what in loader] == expected


def test_streams_end_once_per_pass():
    loader = DataLoader(Shards(1, 3), batch_size=None, num_workers=2, persistent_workers=True)
    expected = [(0, 0), (1, 0), (1, 1), (1, 2)]
    for _ in range(3):
        assert [tuple(sample) for sample in loader] == expected
    loader._iterator._pool.close()


def test_persistent_workers():
    loader = DataLoader(
        Computed(6, lambda index: (index, os.getpid())),
        batch_size=None,
        num_workers=2,
        persistent_workers=True,
    )
    first = list(loader)
    for _ in itertools.islice(loader, 1):  # a pass that is broken off
        pass
    assert list(loader) == first
    assert [index for index, _ in first] == list(range(6))
    pids = worker_pids(loader._iterator)
    assert {pid for _, pid in first} == set(pids)
    del loader
    wait_until_gone(pids)


def test_persistent_workers_are_replaced_after_a_death():
    loader = DataLoader(range(8), num_workers=1, persistent_workers=True, prefetch_factor=1)
    iterator = iter(loader)
    next(iterator)
    os.kill(worker_pids(iterator)[0], signal.SIGKILL)
    with pytest.raises(RuntimeError, match="SIGKILL"):
        list(iterator)
    assert [batch.item() for batch in loader] == list(range(8))
    loader._iterator._pool.close()


def test_workers_go_when_the_pass_ends_or_is_dropped():
    loader = DataLoader(range(40), num_workers=2)
    iterator = iter(loader)
    pids = worker_pids(iterator)
    assert len(list(iterator)) == 40
    wait_until_gone(pids)
    with pytest.raises(StopIteration):
        next(iterator)
    iterator = iter(loader)
    next(iterator)
    pids = worker_pids(iterator)
    assert all(is_alive(pid) for pid in pids)
    del iterator
    wait_until_gone(pids)


def test_a_stopped_worker_cleans_up(tmp_path):
    class Careful(IterableDataset):
        def __iter__(self):
            try:
                yield from range(1000)
            finally:
                (tmp_path / "closed").touch()

    iterator = iter(DataLoader(Careful(), num_workers=1))
    next(iterator)
    del iterator
    deadline = time.monotonic() + 10
    while not (tmp_path / "closed").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class Peculiar(Exception):
    def __init__(self, one, two):
        super().__init__(one, two)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError("wrong value"), ValueError),
        (KeyError("lost key"), KeyError),
        (FileNotFoundError(2, "No such file", "x.png"), FileNotFoundError),
        (Peculiar(1, 2), RuntimeError),
        (UnicodeDecodeError("utf8", b"a", 0, 1, "why"), RuntimeError),
    ],
    ids=repr,
)
def test_an_error_in_a_worker_is_raised_here(error, kind):
    def sample(index):
        if index == 1:
            raise error
        return index

    iterator = iter(DataLoader(Computed(4, sample), num_workers=2))
    assert next(iterator).item() == 0
    with pytest.raises(kind) as caught:
        next(iterator)
    text = str(caught.value)
    assert f"Caught {type(error).__name__} in DataLoader worker process 1" in text
    assert "\n  File" in text
    assert "raise error" in text
    assert [batch.item() for batch in iterator] == [2, 3]


def test_an_error_of_a_local_type_becomes_a_runtime_error():
    class Local(Exception):
        pass

    def sample(index):
        raise Local("hidden")

    with pytest.raises(RuntimeError, match="Caught Local in DataLoader worker process 0"):
        list(DataLoader(Computed(1, sample), num_workers=1))


def test_an_error_while_setting_up():
    def init(number):
        raise ValueError("no set-up")

    with pytest.raises(ValueError, match="no set-up"):
        list(DataLoader(range(3), num_workers=2, worker_init_fn=init))

    class Broken(IterableDataset):
        def __iter__(self):
            raise ValueError("no stream")

    with pytest.raises(ValueError, match="no stream"):
        list(DataLoader(Broken(), num_workers=1))


def test_batches_that_cannot_be_pickled():
    dataset = Computed(2, lambda index: lambda: index)
    with pytest.raises((AttributeError, RuntimeError), match="pickle"):
        list(DataLoader(dataset, batch_size=None, num_workers=1))


def test_tensors_with_a_history_stay_in_their_process():
    leaf = argand.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="detach"):
        list(DataLoader(Computed(2, lambda _: leaf * 2), num_workers=1))
    (found,) = DataLoader(Computed(1, lambda _: leaf), batch_size=None, num_workers=1)
    assert found.requires_grad
    assert found.is_leaf


def test_stop_iteration_from_a_data_set_ends_the_pass():
    def sample(index):
        if index == 2:
            raise StopIteration
        return index

    assert len(list(DataLoader(Computed(5, sample), num_workers=1))) == 2


def test_a_killed_worker_is_named():
    def sample(index):
        if index == 3:
            time.sleep(0.5)  # until what was made before has been sent
            os.kill(os.getpid(), signal.SIGKILL)
        return index

    iterator = iter(DataLoader(Computed(8, sample), num_workers=2))
    pids = worker_pids(iterator)
    found = [next(iterator).item() for _ in range(3)]
    with pytest.raises(RuntimeError) as caught:
        next(iterator)
    assert found == [0, 1, 2]
    assert f"pid {pids[1]}" in str(caught.value)
    assert "SIGKILL (9)" in str(caught.value)
    wait_until_gone(pids)
    assert list(iterator) == []


def test_a_worker_killed_within_a_message_is_noticed():
    class Poison:
        """Dies while its bytes are on the way: the message after it never comes."""

        def __reduce__(self):
            os.kill(os.getpid(), signal.SIGKILL)
            return (int, ())

    dataset = Computed(2, lambda index: [np.zeros((1000, 1000)), Poison()])
    with pytest.raises(RuntimeError, match="SIGKILL"):
        list(DataLoader(dataset, batch_size=None, num_workers=1))


def test_a_worker_that_exits_is_named():
    with pytest.raises(RuntimeError, match=r"pid \d+\) exited unexpectedly with code 7"):
        list(DataLoader(Computed(3, lambda _: os._exit(7)), num_workers=1))
    with pytest.raises(RuntimeError, match="exited unexpectedly with code 3"):
        list(DataLoader(Computed(3, lambda _: sys.exit(3)), num_workers=1))


def test_timeout():
    loader = DataLoader(Computed(2, lambda _: time.sleep(60)), num_workers=1, timeout=0.3)
    iterator = iter(loader)
    pids = worker_pids(iterator)
    with pytest.raises(RuntimeError, match=r"timed out after 0.3 seconds"):
        next(iterator)
    wait_until_gone(pids)


def test_a_loader_copied_by_fork_leaves_the_workers_alone():
    loader = DataLoader(range(50), num_workers=1)
    iterator = iter(loader)
    next(iterator)
    assert [batch.item() for batch in DataLoader(Copies(iterator), num_workers=1)] == [1, 1]
    assert len(list(iterator)) == 49


class Copies(Dataset):
    """Drops, in a worker, its copy of another loader's iterator."""

    def __init__(self, iterator):
        self.iterator = iterator

    def __len__(self):
        return 2

    def __getitem__(self, index):
        if self.iterator is not None:
            self.iterator._pool.close()
            self.iterator = None
        return 1


SCRIPT = """
    import os, sys, time
    import argand
    from argand.utils.data import DataLoader, Dataset, TensorDataset

    class Slow(Dataset):
        def __len__(self):
            return 10_000

        def __getitem__(self, index):
            time.sleep(0.01)
            return index

    if __name__ == "__main__":
        iterator = iter(DataLoader(Slow(), num_workers=2, persistent_workers=True))
        next(iterator)
        print(*[worker.process.pid for worker in iterator._pool._workers], flush=True)
        for batch in iterator:
            pass
"""


def start(script, tmp_path, **options):
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(script))
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    return subprocess.Popen(
        [sys.executable, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
        **options,
    )


@pytest.mark.slow
@pytest.mark.parametrize("how", ["ctrl-c", "terminate", "kill"])
def test_no_worker_outlives_its_loader(how, tmp_path):
    with start(SCRIPT, tmp_path) as process:
        pids = [int(pid) for pid in process.stdout.readline().split()]
        assert len(pids) == 2
        if how == "ctrl-c":
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(signal.SIGTERM if how == "terminate" else signal.SIGKILL)
        _, errors = process.communicate(timeout=30)
    wait_until_gone(pids)
    if how == "ctrl-c":
        assert errors.count("KeyboardInterrupt") == 1


@pytest.mark.slow
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_other_start_methods(method, tmp_path):
    script = f"""
    import argand
    from argand.utils.data import DataLoader, TensorDataset

    if __name__ == "__main__":
        dataset = TensorDataset(argand.arange(10))
        loader = DataLoader(
            dataset, batch_size=4, num_workers=1, multiprocessing_context="{method}"
        )
        print([batch.tolist() for batch, in loader])
    """
    with start(script, tmp_path) as process:
        output, errors = process.communicate(timeout=120)
    assert output.strip() == "[[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]", errors
