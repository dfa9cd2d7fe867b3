#!/usr/bin/env bash
# Installs the FHIR clients of other projects, which the tests run unchanged, into .clients; quick where they are there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
target="$(cd ../../../.. && pwd)/.clients"
wanted="$(cat requirements.txt package.json package-lock.json | cksum)"

if [ -f "$target/INSTALLED" ] && [ "$(cat "$target/INSTALLED")" = "$wanted" ]; then
  exit 0
fi
if ! command -v npm >/dev/null; then
  echo "the FHIR clients need npm and Node 20 or later" >&2
  exit 1
fi

rm -rf "$target"
mkdir -p "$target/node"
"${PYTHON:-python3}" -m venv "$target/python"
"$target/python/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --requirement requirements.txt
cp package.json package-lock.json "$target/node"
npm ci --prefix "$target/node" --no-audit --no-fund --loglevel=error --ignore-scripts --omit=optional --omit=dev --omit=peer
echo "$wanted" >"$target/INSTALLED"
