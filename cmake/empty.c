// A library needs a source.
extern int kintail_empty;
int kintail_empty;
