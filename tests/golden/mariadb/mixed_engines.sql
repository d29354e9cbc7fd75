-- What InnoDB rolls back is not in the log; what the others keep is, in a transaction of its own.
CREATE TABLE i (id INT PRIMARY KEY) ENGINE = InnoDB;
CREATE TABLE m (id INT PRIMARY KEY, v INT) ENGINE = Aria;
BEGIN;
INSERT INTO i VALUES (1);
INSERT INTO m VALUES (1, 1);
ROLLBACK;
BEGIN;
INSERT INTO m VALUES (2, 2);
INSERT INTO i VALUES (2);
COMMIT;
BEGIN;
INSERT INTO i VALUES (4);
UPDATE i, m SET i.id = 40, m.v = 40 WHERE i.id = 4 AND m.id = 1;
ROLLBACK;
INSERT INTO i VALUES (5);
