-- setup
SET binlog_transaction_compression = ON;
-- record
-- The prepared part is a payload; its rows are counted over it.
CREATE TABLE t (id INT PRIMARY KEY, v INT);
XA START 'a';
INSERT INTO t VALUES (1, 1), (2, 2);
INSERT INTO t VALUES (3, 3);
XA END 'a';
XA PREPARE 'a';
RECONNECT;
INSERT INTO t VALUES (4, 4);
XA COMMIT 'a';
SET binlog_transaction_compression = ON;
XA START 'b';
INSERT INTO t VALUES (5, 5);
XA END 'b';
XA COMMIT 'b' ONE PHASE;
XA START 'c';
INSERT INTO t VALUES (6, 6);
XA END 'c';
XA PREPARE 'c';
XA ROLLBACK 'c';
