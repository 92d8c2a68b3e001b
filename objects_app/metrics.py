"""Counters that any layer may increase (prometheus-client's, one set a process)."""

from prometheus_client import Counter

DEDUP_HITS = Counter(
    "objectstore_dedup_hits", "Uploads whose bytes were already stored"
)
LOST_RACES = Counter(
    "objectstore_lost_races",
    "Steps that found their row changed and ran again",
    ["step"],
)
REPAIRS = Counter(
    "objectstore_repairs", "Uploads that put back bytes found missing or short"
)
SWEPT_BLOBS = Counter("objectstore_swept_blobs", "Blobs whose bytes were removed")
SWEPT_BYTES = Counter("objectstore_swept_bytes", "Bytes removed from the backend")
RESCUES = Counter("objectstore_rescues", "Condemned blobs found referenced at the mark")
CIRCUIT_OPENINGS = Counter(
    "objectstore_circuit_openings", "Services that stopped answering", ["service"]
)
CACHE_LOOKUPS = Counter(
    "objectstore_blob_cache_lookups",
    "Small blobs asked of the cache: found in memory, in redis, or a miss",
    ["outcome"],
)
