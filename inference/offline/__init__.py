"""The offline model: rules behind the same port as a language model, and labelled as such everywhere."""

from inference.offline.provider import OfflineProvider

__all__ = ["OfflineProvider"]
