-- setup
SET GLOBAL binlog_row_metadata = 'NO_LOG';
-- record
-- Columns have numbers; what there is of signs and character sets counts.
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20), d DECIMAL(8,3), m DATETIME(2));
INSERT INTO t VALUES (1, 'Huế', 1.5, '2026-11-21 08:15:00.25');
UPDATE t SET v = NULL, d = -2 WHERE id = 1;
ALTER TABLE t RENAME COLUMN v TO other;
DELETE FROM t WHERE id = 1;
-- cleanup
SET GLOBAL binlog_row_metadata = 'FULL';
