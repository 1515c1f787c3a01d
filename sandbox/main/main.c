#include <stdio.h>

int main(void)
{
    puts("kintail-sandbox " KINTAIL_VERSION);
    return 0;
}
