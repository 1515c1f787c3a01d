// Places between two effects on the world at which a build for tests dies when it is told to, as by
// kill -9: KINTAIL_CRASH_AT=NAME:COUNT in the environment, at the COUNTth visit of the point NAME.
// Without KINTAIL_CRASH_POINTS at compile time nothing of it is in the program.
//
// May be called by any thread.
#pragma once

#ifdef KINTAIL_CRASH_POINTS
#define CRASH_POINT(name) crash_point(name)
void crash_point(const char *name);
#else
#define CRASH_POINT(name) ((void)0)
#endif
