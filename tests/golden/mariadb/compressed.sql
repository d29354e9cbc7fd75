-- setup
SET GLOBAL log_bin_compress = ON, GLOBAL log_bin_compress_min_len = 10;
-- record
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(1000));
INSERT INTO t VALUES (1, REPEAT('a', 1000)), (2, 'b');
UPDATE t SET v = REPEAT('c', 1000) WHERE id = 2;
DELETE FROM t WHERE id = 1;
-- cleanup
SET GLOBAL log_bin_compress = OFF, GLOBAL log_bin_compress_min_len = 256;
