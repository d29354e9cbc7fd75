-- setup
SET GLOBAL binlog_row_metadata = 'MINIMAL';
-- record
-- Columns have numbers; what there is of signs and character sets counts.
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20), d DECIMAL(8,3), m DATETIME(2), u INT UNSIGNED, w VARCHAR(20) CHARACTER SET latin1);
INSERT INTO t VALUES (1, 'Huế', 1.5, '2026-11-21 08:15:00.25', 4000000000, 'déjà');
UPDATE t SET v = NULL, d = -2 WHERE id = 1;
ALTER TABLE t RENAME COLUMN v TO other;
DELETE FROM t WHERE id = 1;
-- cleanup
SET GLOBAL binlog_row_metadata = 'FULL';
