#!/usr/bin/env bash
# Installs the judges of other projects, and the packages our snapshots are made from, into .judges; quick where they are there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
target="$(cd ../../../.. && pwd)/.judges"
packages="hl7.fhir.us.mcode@4.0.0 hl7.fhir.r4.examples@4.0.1"
wanted="$(echo "$packages" | cat - requirements.txt package.json package-lock.json | cksum)"

if [ -f "$target/INSTALLED" ] && [ "$(cat "$target/INSTALLED")" = "$wanted" ]; then
  exit 0
fi
if ! command -v npm >/dev/null; then
  echo "the judges need npm and Node 20 or later" >&2
  exit 1
fi

rm -rf "$target"
mkdir -p "$target/node" "$target/packages"
"${PYTHON:-python3}" -m venv "$target/python"
"$target/python/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --requirement requirements.txt
cp package.json package-lock.json "$target/node"
npm ci --prefix "$target/node" --no-audit --no-fund --loglevel=error --ignore-scripts
for package in $packages; do
  name="${package%@*}"
  mkdir "$target/packages/$name"
  archive="$(cd "$target/packages" && npm pack --silent "$package")"
  tar -xzf "$target/packages/$archive" -C "$target/packages/$name" --wildcards \
    'package/StructureDefinition-*' 'package/ValueSet-*' 'package/CodeSystem-*'
  rm "$target/packages/$archive"
done
echo "$wanted" >"$target/INSTALLED"
