"""Open a gateway from its settings file: terminology, secret, policies, and every source that can be opened.

A source that cannot be opened does not stop the others; it is named in every answer with the reason.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import tempfile
from pathlib import Path

import terminology
from gateway.disclosure.policy import Policy, load_policy
from gateway.errors import BadSettings, IccdError, SourceUnavailable
from gateway.federation.gateway import Gateway
from gateway.settings import Settings, load_settings, resolve_name_or_path, source_configs
from gateway.sources.base import Context, FileKind, Source, SourceConfig
from gateway.sources.discover import find_kind
from gateway.sources.snapshot import SnapshotSource

SALT_BYTES = 32

log = logging.getLogger(__name__)


def open_gateway(path: Path) -> Gateway:
    """Gateway of a settings file.

    Raises
    ------
    BadSettings
        The settings, a policy or a profile is wrong; sources that are only out of reach do not raise.
    """
    settings = load_settings(path)
    configs = source_configs(settings, path)
    context = open_context(settings, path)
    sources: dict[str, Source] = {}
    broken: dict[str, str] = {}
    for name, config in configs.items():
        try:
            sources[name] = open_source(config, context)
        except BadSettings:
            raise
        except IccdError as error:
            log.warning("source %s cannot be opened: %s", name, error)
            broken[name] = error.reason
    return Gateway(
        id=settings.gateway.id,
        title=settings.gateway.title,
        public_url=settings.gateway.public_url.rstrip("/"),
        terminology=context.terminology,
        sources=sources,
        broken=broken,
        policies=policies(settings, path),
        salt=context.salt,
        deadline_seconds=settings.gateway.deadline_seconds,
        origins=tuple(settings.gateway.cors_origins),
        state=(path.resolve().parent / settings.gateway.data).resolve(),
    )


def open_source(config: SourceConfig, context: Context) -> Source:
    """One source: a live one where it is, a file one from its snapshot."""
    kind = find_kind(config)
    if isinstance(kind, FileKind):
        return SnapshotSource(config, context)
    return kind.open(config, context)


def open_context(settings: Settings, path: Path) -> Context:
    """Terminology and secret that all sources of a gateway share; the secret is made at first use."""
    base = path.resolve().parent
    chosen = settings.gateway.terminology
    try:
        loaded = terminology.load(base / chosen if chosen else None)
    except terminology.TerminologyError as error:
        raise BadSettings(error.message, where=f"{path} gateway.terminology", expected=error.expected) from error
    return Context(loaded, read_salt((base / settings.gateway.data).resolve()))


def policies(settings: Settings, path: Path) -> dict[str, Policy]:
    """Policy of each source of the settings."""
    base = path.resolve().parent
    return {
        name: load_policy(resolve_name_or_path(settings.sources[name].policy, base), config.at("policy"))
        for name, config in source_configs(settings, path).items()
    }


def read_salt(data: Path) -> bytes:
    """Secret of this gateway, made once, readable by its owner only."""
    file = data / "secret"
    if file.exists():
        return _existing_salt(file)
    try:
        data.mkdir(parents=True, exist_ok=True)
        _write_once(file, secrets.token_bytes(SALT_BYTES))
    except OSError as error:
        raise SourceUnavailable(
            f"cannot write: {error.strerror}", where=str(data), expected="a folder for the gateway's data"
        ) from error
    return _existing_salt(file)


def _write_once(file: Path, content: bytes) -> None:
    """Whole or not at all; the first of several processes wins."""
    handle, aside = tempfile.mkstemp(dir=file.parent, prefix=".secret-")
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(aside, file)
    os.unlink(aside)


def _existing_salt(file: Path) -> bytes:
    salt = file.read_bytes()
    if len(salt) != SALT_BYTES:
        raise BadSettings("is not a secret of this gateway", where=str(file), expected=f"{SALT_BYTES} bytes")
    return salt
