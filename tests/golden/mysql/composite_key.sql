CREATE TABLE t (a INT, b VARCHAR(10), v INT, PRIMARY KEY (b, a));
INSERT INTO t VALUES (1, 'x', 1), (1, 'y', 2), (2, 'x', 3);
UPDATE t SET v = 10 WHERE a = 1;
DELETE FROM t WHERE b = 'x' AND a = 2;
