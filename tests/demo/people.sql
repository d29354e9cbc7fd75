-- SPDX-License-Identifier: Apache-2.0
-- Made-up districts, people and visits, the same in every run: what a row holds is counted out of
-- its number n.

USE vietnam;

CREATE TEMPORARY TABLE digit (d INT UNSIGNED PRIMARY KEY);
INSERT INTO digit VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);
CREATE TEMPORARY TABLE number (n INT UNSIGNED PRIMARY KEY);
SET SESSION cte_max_recursion_depth = 200000;
INSERT INTO number
    WITH RECURSIVE counted AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM counted WHERE n < 150000)
    SELECT n FROM counted;

CREATE TEMPORARY TABLE place (i INT UNSIGNED PRIMARY KEY, code CHAR(2), name VARCHAR(30));
INSERT INTO place SELECT ROW_NUMBER() OVER (ORDER BY code) - 1, code, name FROM provinces;

INSERT INTO districts (province, number, name)
    SELECT code, n, CONCAT(IF(n % 3, 'Huyện ', 'Quận '), n, ', ', name) FROM place JOIN number
    WHERE n <= 8 + i % 7;

INSERT INTO people (id, name, sex, born, province, district, income, attributes)
    SELECT n,
        CONCAT(ELT(1 + n % 14, 'Nguyễn', 'Trần', 'Lê', 'Phạm', 'Hoàng', 'Huỳnh', 'Phan', 'Vũ', 'Võ',
                   'Đặng', 'Bùi', 'Đỗ', 'Hồ', 'Ngô'), ' ',
               IF(n % 2, ELT(1 + n DIV 14 % 6, 'Thị', 'Ngọc', 'Thu', 'Thanh', 'Kim', 'Bích'),
                  ELT(1 + n DIV 14 % 6, 'Văn', 'Hữu', 'Đức', 'Quang', 'Minh', 'Xuân')), ' ',
               IF(n % 2, ELT(1 + n DIV 84 % 8, 'Hương', 'Lan', 'Hạnh', 'Phượng', 'Thảo', 'Tuyết',
                             'Yến', 'Ánh'),
                  ELT(1 + n DIV 84 % 8, 'Dũng', 'Hùng', 'Sơn', 'Tuấn', 'Thắng', 'Phúc', 'Long',
                      'Đạt'))),
        IF(n % 2, 'nữ', 'nam'),
        DATE '1940-01-01' + INTERVAL n * 7919 % 30000 DAY,
        code,
        1 + n DIV 63 % (8 + i % 7),
        IF(n % 17 = 0, NULL, 3500000 + n * 104729 % 96500000 + n % 100 / 100),
        IF(n % 11 = 0, NULL,
           JSON_OBJECT('nghề', ELT(1 + n % 6, 'nông dân', 'giáo viên', 'kỹ sư', 'bác sĩ', 'công nhân',
                                   'buôn bán'),
                       'con', n % 5, 'cao', 145 + n % 450 / 10,
                       'xe', JSON_ARRAY(ELT(1 + n % 3, 'xe máy', 'ô tô', 'xe đạp'), n % 7 = 0)))
    FROM number JOIN place ON i = n % 63;

INSERT INTO visits (person, at, province, paid, note)
    SELECT 1 + n * 31 % 150000,
        TIMESTAMP '2025-01-01 07:00:00.000' + INTERVAL n * 7 MINUTE + INTERVAL n % 1000 * 1000 MICROSECOND,
        code,
        n * 6151 % 500000 + n % 4 / 4,
        IF(n % 5 = 0, CONCAT('Hẹn gặp lại "', name, '" — lần ', n % 9, ' 🌾'), NULL)
    FROM number JOIN place ON i = n * 13 % 63
    WHERE n <= 60000;
