"""Stands in for fairseq-hydra-train: reads the overrides, logs like it, writes a 'checkpoint' that tells its inputs.

It stops after ten updates; it keeps its place in a file and goes on from there when it is started again.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from pathlib import Path

from xlpl_plugin.continuous.collapse import COLLAPSE_FILE, Collapse

keys = dict(argument.lstrip("+").partition("=")[::2] for argument in sys.argv[1:] if "=" in argument)
keys = {key: value.strip("'") for key, value in keys.items()}
folder = Path(keys["checkpoint.save_dir"])
folder.mkdir(parents=True, exist_ok=True)
assert os.environ["PYTHONUTF8"] == "1"

place = folder / "updates"
told = {"epoch": 1, "loss": "3.25", "ups": keys.get("fake.ups", "20"), "bsz": "2"}
start = int(place.read_text()) if place.exists() else 0
print(f"starting at update {start}")
for update in range(start + 1, 11):
    time.sleep(float(keys.get("fake.seconds", 0)))
    print(f"[train_inner][INFO] - {json.dumps({**told, 'num_updates': str(update)})}")
    (folder / "updates.new").write_text(str(update))
    (folder / "updates.new").replace(place)
    if keys.get("fake.collapse_at") == str(update):
        print(f"collapse at update {update}: the labels fell silent")
        (folder / "checkpoint_last.pt").write_text("the good one")
        Collapse(update, "the labels fell silent", {}, {}, rolled_back_to=1).write(folder / COLLAPSE_FILE)
        sys.exit(0)
    if keys.get("fake.fail_at") == str(update):
        print("RuntimeError: the loss is è infinite", file=sys.stderr)
        sys.exit(3)

data = Path(keys["task.data"])
read = [data / f"{split}.{suffix}" for split in ("train", "valid") for suffix in ("ltr", "tsv")] + [
    data / "dict.ltr.txt"
]
if keys["task.init_from"]:
    read.append(Path(keys["task.init_from"]))
if "task.unlabelled" in keys:
    read.append(Path(keys["task.unlabelled"]) / f"{keys['task.unlabelled_split']}.tsv")
told = b"".join(file.read_bytes() for file in read) + keys["task.mix"].encode() + keys.get("fake.note", "").encode()
(folder / "checkpoint_last.pt").write_text(hashlib.sha256(told).hexdigest())
