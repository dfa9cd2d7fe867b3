"""ReleasedAnswer -> JSON of /statistics/counts (design section 9). Nothing is computed here."""

from __future__ import annotations

from typing import Any

import orjson

from gateway.disclosure.released import ReleasedAnswer, ReleasedCount, ReleasedSource

Json = dict[str, Any]


def render_counts(answer: ReleasedAnswer) -> bytes:
    """Bytes of the answer."""
    return orjson.dumps(counts_document(answer))


def counts_document(answer: ReleasedAnswer) -> Json:
    """The answer as a document: question, total, cells, sources, gateway, asked_at."""
    by = answer.query.by
    return {
        "question": {"text": answer.text, "unit": answer.query.unit, "iccc": answer.query.iccc, "by": by},
        "total": _count(answer.total),
        "cells": [dict(zip(by, labels, strict=True)) | {"count": _count(count)} for labels, count in answer.cells],
        "sources": [_source(source) for source in answer.sources],
        "granularity": answer.granularity.name.lower(),
        "exists": answer.exists,
        "notes": answer.notes,
        "gateway": answer.gateway,
        "asked_at": answer.asked_at,
    }


def _count(count: ReleasedCount) -> Json:
    return {"low": count.low, "high": count.high, "precision": count.precision}


def _source(source: ReleasedSource) -> Json:
    return {
        "id": source.id,
        "title": source.title,
        "status": source.status,
        "reason": source.reason,
        "count": _count(source.total) if source.total else None,
        "snapshot": source.snapshot,
        "elapsed_ms": source.elapsed_ms,
        "translation": [
            {"term": note.term, "to": note.to, "equivalence": note.equivalence, "from": note.rows}
            for note in source.translation
        ],
        "notes": source.notes,
    }
