-- setup
SET SESSION binlog_rows_query_log_events = ON;
-- record
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20));
INSERT INTO t VALUES (1, 'Huế'), (2, 'b');
UPDATE t SET v = 'quoted "x"' WHERE id = 2;
SET SESSION binlog_rows_query_log_events = OFF;
DELETE FROM t WHERE id = 1;
