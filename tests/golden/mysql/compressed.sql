CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(1000));
SET SESSION binlog_transaction_compression = ON;
BEGIN;
INSERT INTO t VALUES (1, REPEAT('a', 1000)), (2, 'b');
UPDATE t SET v = REPEAT('c', 1000) WHERE id = 2;
COMMIT;
DELETE FROM t WHERE id = 1;
SET SESSION binlog_transaction_compression = OFF;
INSERT INTO t VALUES (3, 'plain');
