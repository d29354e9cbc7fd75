-- setup
SET GLOBAL binlog_checksum = 'NONE';
-- record
CREATE TABLE t (id INT PRIMARY KEY, v INT);
INSERT INTO t VALUES (1, 1);
-- cleanup
SET GLOBAL binlog_checksum = 'CRC32';
