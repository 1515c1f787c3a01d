// The one thing a Check test file defines; test_main.c runs it.
#pragma once

#include <check.h>

Suite *test_suite(void);
