CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20));
SET SESSION binlog_annotate_row_events = ON;
INSERT INTO t VALUES (1, 'Huế'), (2, 'b');
UPDATE t SET v = 'quoted "x"' WHERE id = 2;
SET SESSION binlog_annotate_row_events = OFF;
DELETE FROM t WHERE id = 1;
