#!/usr/bin/python3
"""Prints line and branch coverage a folder, from `gcovr --json-summary` on standard input."""

import collections
import json
import pathlib
import sys

KINDS = ("line", "branch")
ROOTS = ("agent", "sandbox")


def main():
    folders = collections.defaultdict(collections.Counter)
    for file in json.load(sys.stdin)["files"]:
        path = pathlib.PurePath(file["filename"])
        if path.parts[0] not in ROOTS:
            continue
        for kind in KINDS:
            for what in ("covered", "total"):
                folders[str(path.parent)][f"{kind}_{what}"] += file[f"{kind}_{what}"]
    print(f"{'folder':<16} {'lines':>15} {'branches':>16}")
    for folder, count in sorted(folders.items()):
        cells = []
        for kind in KINDS:
            covered, total = count[f"{kind}_covered"], count[f"{kind}_total"]
            cells.append(f"{covered:5}/{total:<5}{covered / max(total, 1):6.1%}")
        print(f"{folder:<16}  {'   '.join(cells)}")


if __name__ == "__main__":
    main()
