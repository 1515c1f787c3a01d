// A directory of a test's own, under TMPDIR, removed with all its content afterwards.
#pragma once

// Returns owned memory: the path.
char *tempdir_create(void);
// Removes the directory and frees the path.
void tempdir_remove(char *path);
