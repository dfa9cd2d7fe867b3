"""Run all benchmarks, or those named: `python -m benchmarks [NAME ...] [--quick]`; each prints ratios and its goal."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path


def main() -> None:
    """Run and print."""
    here = Path(__file__).parent
    names = sorted(path.stem for path in here.glob("*.py") if not path.stem.startswith("_") and path.stem != "shared")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*names, []], help="benchmarks to run; all if none is named")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that they run")
    arguments = parser.parse_args()
    for name in arguments.names or names:
        print(f"\n== {name}", flush=True)
        import_module(f"benchmarks.{name}").main(quick=arguments.quick)


if __name__ == "__main__":
    main()
