CREATE TABLE t (id INT PRIMARY KEY, a INT, c TEXT, b VARCHAR(10), d BLOB);
SET SESSION binlog_row_image = 'NOBLOB';
INSERT INTO t VALUES (1, 10, 'text', 'x', 'blob');
UPDATE t SET a = 11;
UPDATE t SET c = 'changed';
DELETE FROM t;
