// SPDX-License-Identifier: Apache-2.0
// Grants: lines as both servers print them, and what they let an account see.
#include "publisher/grants.h"

#include "tests/unit/test.h"

#define LINES_MAX 4

static const struct {
    const char *lines[LINES_MAX];
    const char *glob;
    bool covered;
} cases[] = {
    {{"GRANT REPLICATION SLAVE ON *.* TO `t`@`%`"}, "shop.*", false},
    {{"GRANT SELECT, REPLICATION SLAVE ON *.* TO `t`@`%`"}, "shop.*", true},
    {{"GRANT RELOAD, SELECT ON *.* TO `t`@`%` IDENTIFIED BY PASSWORD '*5'"}, "*.*", true},
    {{"GRANT ALL PRIVILEGES ON *.* TO `t`@`%` WITH GRANT OPTION"}, "*.*", true},
    {{"GRANT USAGE ON *.* TO `t`@`%`", "GRANT SELECT ON `shop`.* TO `t`@`%`"}, "shop.*", true},
    {{"GRANT SELECT ON `shop`.* TO `t`@`%`"}, "shop.product", true},
    {{"GRANT SELECT ON `shop`.* TO `t`@`%`"}, "shop.p*", true},
    {{"GRANT SELECT ON `shop`.* TO `t`@`%`"}, "shops.*", false},
    {{"GRANT SELECT ON `shop`.* TO `t`@`%`"}, "sho?.*", false},
    {{"GRANT SELECT ON `shop`.* TO `t`@`%`"}, "*.*", false},
    {{"GRANT SELECT ON `shop`.* TO `t`@`%`"}, "*", false},
    {{"GRANT INSERT ON `shop`.* TO `t`@`%`"}, "shop.*", false},
    {{"GRANT INSERT, SELECT, UPDATE ON `shop`.* TO `t`@`%`"}, "shop.*", true},
    {{"GRANT SELECT (`a`), INSERT ON `shop`.`p` TO `t`@`%`"}, "shop.p", false},
    {{"GRANT SELECT ON `shop`.`p` TO `t`@`%`"}, "shop.p", true},
    {{"GRANT SELECT ON `shop`.`p` TO `t`@`%`"}, "shop.q", false},
    {{"GRANT SELECT ON `shop`.`p` TO `t`@`%`"}, "shop.*", false},
    {{"GRANT SELECT ON `shop`.`p*` TO `t`@`%`"}, "shop.p*", false},
    // Patterns of databases.
    {{"GRANT SELECT ON `sh\\_op`.* TO `t`@`%`"}, "sh_op.*", true},
    {{"GRANT SELECT ON `sh\\_op`.* TO `t`@`%`"}, "shxop.*", false},
    {{"GRANT SELECT ON `sh_op`.* TO `t`@`%`"}, "shxop.*", true},
    {{"GRANT SELECT ON `sh%`.* TO `t`@`%`"}, "shop.*", true},
    {{"GRANT SELECT ON `sh%p`.* TO `t`@`%`"}, "shpop.*", true},
    {{"GRANT SELECT ON `sh%p`.* TO `t`@`%`"}, "shops.*", false},
    {{"GRANT SELECT ON `sh\\%`.* TO `t`@`%`"}, "shop.*", false},
    {{"GRANT SELECT ON `sh%`.* TO `t`@`%`", "GRANT INSERT ON `shop`.* TO `t`@`%`"},
     "shop.*",
     false},
    {{"GRANT INSERT ON `sh%`.* TO `t`@`%`", "GRANT SELECT ON `shop`.* TO `t`@`%`"}, "shop.*", true},
    {{"GRANT INSERT ON `sh%`.* TO `t`@`%`", "GRANT SELECT ON `s%`.* TO `t`@`%`"}, "shop.*", false},
    {{"GRANT SELECT ON `a``b`.* TO `t`@`%`"}, "a`b.*", true},
    {{"GRANT SELECT ON \"shop\".* TO \"t\"@\"%\""}, "shop.*", true},
    // Partial revokes.
    {{"GRANT SELECT ON *.* TO `t`@`%`", "REVOKE SELECT ON `shop`.* FROM `t`@`%`"}, "shop.*", false},
    {{"GRANT SELECT ON *.* TO `t`@`%`", "REVOKE SELECT ON `shop`.* FROM `t`@`%`"}, "crm.*", true},
    {{"GRANT SELECT ON *.* TO `t`@`%`", "REVOKE SELECT ON `shop`.* FROM `t`@`%`"}, "*.*", false},
    {{"GRANT SELECT ON *.* TO `t`@`%`", "REVOKE SELECT ON `mysql`.* FROM `t`@`%`"}, "*.*", true},
    {{"GRANT SELECT ON *.* TO `t`@`%`", "REVOKE INSERT ON `shop`.* FROM `t`@`%`"}, "*.*", true},
    // What is not understood.
    {{"GRANT EXECUTE, SELECT ON PROCEDURE `shop`.`p` TO `t`@`%`"}, "shop.p", false},
    {{"GRANT `SELECT`@`%` TO `t`@`%`"}, "shop.*", false},
    {{"GRANT PROXY ON ``@`` TO `t`@`%`"}, "shop.*", false},
    {{"GRANT SELECT ON `shop"}, "shop.*", false},
    {{"GRANT SELECT ON `shop`."}, "shop.*", false},
    {{"GRANT SELECT ON "}, "shop.*", false},
    {{"GRANT ON "}, "shop.*", false},
    {{"SELECT ON *.* TO"}, "shop.*", false},
    {{""}, "shop.*", false},
};

static void test_cover(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t n = 0;
        while (n < LINES_MAX && cases[i].lines[n])
            n++;
        if (grants_cover(cases[i].lines, n, str(cases[i].glob)) != cases[i].covered)
            fail_msg("case %zu: %s, glob %s", i, cases[i].lines[0], cases[i].glob);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cover)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
