CREATE TABLE a (id INT PRIMARY KEY, v INT);
CREATE TABLE b (id INT PRIMARY KEY, v VARCHAR(10));
INSERT INTO a VALUES (1, 1);
INSERT INTO b VALUES (1, 'x');
UPDATE a, b SET a.v = 2, b.v = 'y' WHERE a.id = b.id;
DELETE a, b FROM a JOIN b ON a.id = b.id;
