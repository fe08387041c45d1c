"""Which turn runs, where and when: claim, close, relay, reaper; and what time or a cancellation brings."""
