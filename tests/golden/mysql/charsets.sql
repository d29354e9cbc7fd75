CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(50) CHARACTER SET latin1, b VARCHAR(50) CHARACTER SET utf8mb4, c CHAR(10) CHARACTER SET utf8mb3, d TEXT CHARACTER SET ucs2, e VARCHAR(20) CHARACTER SET sjis, f VARCHAR(20) CHARACTER SET cp1251, g VARCHAR(20) CHARACTER SET ascii, h VARCHAR(20) CHARACTER SET gbk, i VARCHAR(20) CHARACTER SET utf16, j VARCHAR(20) CHARACTER SET utf32);
INSERT INTO t VALUES (1, 'café €', 'Huế 🎉', 'Đà Nẵng', 'Việt Nam', '日本語', 'Привет', 'plain', '中文', 'Huế', 'Huế 🎉');
INSERT INTO t VALUES (2, '', '', '', '', '', '', '', '', '', '');
INSERT INTO t VALUES (3, 'tab\there', 'line\nbreak "quoted" \\ back', 'x', 'y', 'z', 'a', 'b', 'c', 'd', 'e');
