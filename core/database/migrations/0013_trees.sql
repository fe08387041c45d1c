-- Task trees: what a person says in free text, and is answered.

ALTER TABLE message DROP CONSTRAINT message_kind_check;
ALTER TABLE message ADD CONSTRAINT message_kind_check CHECK (kind IN ('add', 'revise', 'retract', 'ask', 'say'));

-- Unnamed at first: the check that only questions have a reply.
ALTER TABLE message DROP CONSTRAINT message_check2;
ALTER TABLE message ADD CONSTRAINT message_reply_check CHECK (reply IS NULL OR kind IN ('ask', 'say'));
