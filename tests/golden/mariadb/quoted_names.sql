CREATE TABLE `näme with space` (`id` INT PRIMARY KEY, `co"lumn` INT, `select` INT);
INSERT INTO `näme with space` VALUES (1, 2, 3);
