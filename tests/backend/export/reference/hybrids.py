# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks of the exported model code share.

They compare an exported hybrid with the class of its source model. FOLDERS is a JSON object of folders: `source`, a Llama,
and exports of it: `wide` has a window with sinks that is longer than any text here, so it must do what the source does;
`narrow` has short windows with sinks; `mixed` has every operator. A script prints a line a check and ends in 1 where one
failed.
"""

import json
import os
import pathlib
import sys
import tempfile
import traceback
import warnings

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_MODULES_CACHE"] = tempfile.mkdtemp()
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["TQDM_DISABLE"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
warnings.filterwarnings("ignore")

import torch  # noqa: E402
import transformers  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

torch.set_num_threads(1)
FOLDERS = {name: pathlib.Path(folder) for name, folder in json.loads(pathlib.Path(sys.argv[1]).read_text()).items()}
VERSION = tuple(int(part) for part in transformers.__version__.split(".")[:2])
HYBRIDS = ("wide", "narrow", "mixed")
checks, failures, left_out = [], [], []


def check(function):
    """Marks a function without arguments as a check."""
    checks.append(function)
    return function


def load(name, auto=AutoModelForCausalLM, **options):
    return auto.from_pretrained(FOLDERS[name], trust_remote_code=True, **options).eval()


def some_ids(rows=1, tokens=40, seed=1):
    return torch.randint(3, 250, (rows, tokens), generator=torch.Generator().manual_seed(seed))


def close(what, got, want, tolerance=2e-4):
    assert got.shape == want.shape, f"{what}: shape {tuple(got.shape)}, expected {tuple(want.shape)}"
    off = (got.float() - want.float()).abs().max().item()
    assert off <= tolerance, f"{what}: off by {off:.3g}"


def differ(what, one, other, least=1e-2):
    """Guards a comparison against one that could not fail."""
    assert (one.float() - other.float()).abs().max().item() > least, f"{what}: no difference, so this checks nothing"


def refused(what, function, *words, kinds=(TypeError, ValueError)):
    """One clear line, which has all `words`."""
    try:
        function()
    except kinds as problem:
        text = str(problem)
        assert all(word in text for word in words) and "\n" not in text, f"{what}: {text!r} lacks one of {words}"
    else:
        raise AssertionError(f"{what}: not refused")


def run():
    wanted = sys.argv[2:]
    for function in checks:
        if wanted and function.__name__ not in wanted:
            continue
        try:
            torch.set_grad_enabled(True)
            function()
            print("ok  ", function.__name__)
        except ModuleNotFoundError as problem:
            left_out.append(function.__name__)
            print("NOT CHECKED", function.__name__, problem)
        except Exception:  # noqa: BLE001  # told, and counted
            failures.append(function.__name__)
            print("FAIL", function.__name__)
            traceback.print_exc(file=sys.stdout)
    print(f"transformers {transformers.__version__}: {len(checks)} checks, {len(failures)} failed, {len(left_out)} left out")
    sys.exit(1 if failures else 0)
