-- What has become of an account that is, or once was, not simply there. No row: it always was.
CREATE TABLE lives (
  account TEXT NOT NULL PRIMARY KEY,
  state TEXT NOT NULL,
  version INTEGER NOT NULL,
  since INTEGER NOT NULL,
  erase_at INTEGER,
  job TEXT,
  due_at INTEGER
) WITHOUT ROWID;
CREATE INDEX lives_due ON lives (due_at) WHERE due_at IS NOT NULL;

-- Archives that accounts asked for; what is in them is in the bucket EXPORTS.
CREATE TABLE exports (
  id TEXT NOT NULL PRIMARY KEY,
  account TEXT NOT NULL,
  state TEXT NOT NULL,
  parts TEXT NOT NULL DEFAULT '{}',
  requested_at INTEGER NOT NULL,
  ready_at INTEGER,
  due_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX exports_account ON exports (account);
CREATE INDEX exports_due ON exports (due_at);
-- One at a time.
CREATE UNIQUE INDEX exports_making ON exports (account) WHERE state = 'making';

-- Who did what. Rows are added, and go when they are old: the triggers let nothing else happen to them.
CREATE TABLE audit_log (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  act TEXT NOT NULL,
  actor TEXT NOT NULL,
  subject TEXT,
  request_id TEXT,
  detail TEXT
);
CREATE INDEX audit_log_at ON audit_log (at);
CREATE INDEX audit_log_act ON audit_log (act, seq);
CREATE INDEX audit_log_actor ON audit_log (actor, seq);
CREATE INDEX audit_log_subject ON audit_log (subject, seq) WHERE subject IS NOT NULL;
CREATE TRIGGER audit_log_stays AFTER UPDATE ON audit_log BEGIN
  SELECT RAISE(ABORT, 'the audit log is only added to');
END;
CREATE TRIGGER audit_log_kept BEFORE DELETE ON audit_log
WHEN OLD.at > (CAST(strftime('%s', 'now') AS INTEGER) - 86400) * 1000 BEGIN
  SELECT RAISE(ABORT, 'the audit log is only added to');
END;
