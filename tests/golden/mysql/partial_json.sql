-- setup
SET binlog_row_value_options = 'PARTIAL_JSON';
-- record
CREATE TABLE t (id INT PRIMARY KEY, v INT, j JSON, k JSON, s VARCHAR(20));
INSERT INTO t VALUES (1, 1, '{"a":[1,2,3],"b":{"c":"xxxxxxxxxxxx"},"ccc":true}', '[1,2,3,4,5,6]', 'one');
INSERT INTO t VALUES (2, 1, '{"q x":1,"\\"\\\\\\n\\u0001":{"":[]},"é":"","ü1":null}', NULL, 'two'), (3, 1, NULL, '[]', 'three');
UPDATE t SET j = JSON_SET(j, '$.a[1]', 7, '$.b.c', 'y'), k = JSON_REMOVE(k, '$[0]', '$[1]') WHERE id = 1;
UPDATE t SET k = JSON_ARRAY_INSERT(k, '$[0]', JSON_OBJECT('z', 1)), v = 2 WHERE id = 1;
UPDATE t SET j = JSON_SET(j, '$.a[last-1][0]', 5, '$.a[last]', 'end'), k = JSON_SET(k, '$[last]', 8, '$[99]', 9) WHERE id = 1;
UPDATE t SET j = JSON_SET(j, '$.bb', 2, '$.z', 26, '$.aa', JSON_OBJECT('n', JSON_ARRAY()), '$.aa.n[0]', 'in') WHERE id = 1;
UPDATE t SET j = JSON_INSERT(JSON_REMOVE(JSON_REPLACE(j, '$.ccc', CAST('null' AS JSON)), '$.b'), '$.dddd', 1.50) WHERE id = 1;
UPDATE t SET j = JSON_SET(j, '$."q x"', '"', '$."\\"\\\\\\n\\u0001".""[0]', CAST('2026-11-21' AS DATE), '$.é', 'é', '$.ü1', 1e30), k = '{}' WHERE id = 2;
UPDATE t SET j = JSON_SET(j, '$."\\t"', 1, '$."zz"', 2, '$."\\""', 3, '$."a.b[0]"', 4, '$.$', 5, '$._', 6) WHERE id = 2;
UPDATE t SET j = JSON_REMOVE(j, '$."q x"', '$."\\""', '$."a.b[0]"', '$.é') WHERE id = 2;
UPDATE t SET v = v + 1 WHERE id = 1;
UPDATE t SET v = v + 1, j = '[]' WHERE id = 3;
UPDATE t SET v = v + 1, j = JSON_SET(j, '$[0]', 'first'), k = NULL WHERE id = 3;
UPDATE t SET v = v + 1, j = JSON_REMOVE(j, '$[0]'), k = JSON_SET(k, '$.a', 1) WHERE id >= 2;
UPDATE t SET j = JSON_SET('"whole"', '$[1]', 2) WHERE id = 1;
UPDATE t SET id = 4, j = JSON_ARRAY_APPEND(j, '$', JSON_ARRAY(1, 2), '$[0]', 'wrapped') WHERE id = 1;
DELETE FROM t;
