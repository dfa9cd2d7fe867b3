"""Makes items.tsv from the NAACCR data dictionaries, base and default user ones, given by path.

    python -m gateway.adapters.naaccr_xml.build_items naaccr-dictionary-180.xml ... > items.tsv

Taken are facts: ids, numbers, levels, versions, and the lengths of the items that the shipped profile reads.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from gateway.adapters.naaccr_xml.items import COLUMNS, read_dictionary
from gateway.sources.profile import load_profile

HEADER = "# made by gateway/adapters/naaccr_xml/build_items.py from the NAACCR data dictionaries; see docs/sources/naaccr-xml.md"


def build_items(paths: Iterable[Path], with_length: Iterable[str]) -> Iterator[str]:
    """Lines of the table, sorted by id and level.

    Parameters
    ----------
    paths
        Dictionaries; each names its version in its URI.
    with_length
        naaccrIds whose length is kept.
    """
    wanted = set(with_length)
    found: dict[tuple[str, str, str, str], list[int]] = {}
    for path in paths:
        uri, items = read_dictionary(path)
        version = int(re.findall(r"-(\d{3})\.xml$", uri)[0])
        for item in items:
            length = str(item.length or "") if item.name in wanted else ""
            found.setdefault((item.name, item.level, item.number, length), []).append(version)
    yield HEADER
    yield "\t".join(COLUMNS)
    for (name, level, number, length), versions in sorted(found.items()):
        yield "\t".join((name, number, level, str(min(versions)), str(max(versions)), length))


if __name__ == "__main__":
    profile = load_profile("naaccr-xml")
    sys.stdout.writelines(f"{line}\n" for line in build_items(map(Path, sys.argv[1:]), profile.columns))
