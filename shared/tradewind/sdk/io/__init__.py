"""Files in object stores, by fsspec (the extra `object-storage`): `ObjectStoragePath`, and what stands behind it."""

from tradewind.sdk.io.path import ObjectStoragePath
from tradewind.sdk.io.store import ObjectStore, attach, get_fs, has_fs

__all__ = ["ObjectStoragePath", "ObjectStore", "attach", "get_fs", "has_fs"]
