CREATE TABLE t (id INT PRIMARY KEY, a INT, b VARCHAR(10), c TEXT);
SET SESSION binlog_row_image = 'MINIMAL';
INSERT INTO t VALUES (1, 10, 'x', 'text'), (2, 20, 'y', NULL);
UPDATE t SET a = 11 WHERE id = 1;
UPDATE t SET b = NULL WHERE id = 2;
DELETE FROM t WHERE id = 1;
