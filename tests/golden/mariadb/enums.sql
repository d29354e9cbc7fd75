CREATE TABLE t (id INT PRIMARY KEY, a ENUM('a','é','c') CHARACTER SET latin1, b SET('x','y','Huế') CHARACTER SET utf8mb4, c ENUM('only'), v VARCHAR(5) CHARACTER SET ascii);
INSERT INTO t VALUES (1, 'é', 'x,Huế', 'only', 'v'), (2, 'a', '', NULL, NULL), (3, '', 'x,y,Huế', 'only', '');
