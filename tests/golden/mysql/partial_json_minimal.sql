-- setup
SET binlog_row_value_options = 'PARTIAL_JSON', binlog_row_image = 'MINIMAL';
-- record
CREATE TABLE t (id INT PRIMARY KEY, v INT, j JSON, k JSON);
INSERT INTO t VALUES (1, 1, '{"a":[1,2,3]}', '[1,2,3,"and so much more that a difference is shorter than the document"]'), (2, 1, '{}', NULL);
UPDATE t SET v = 2 WHERE id = 1;
UPDATE t SET k = '[4,5]' WHERE id = 2;
UPDATE t SET v = 3, j = '{"a":"a new document"}' WHERE id = 1;
-- refused
UPDATE t SET k = JSON_SET(k, '$[1]', 7) WHERE id = 1;
-- cleanup
SET binlog_row_image = 'FULL', binlog_row_value_options = '';
