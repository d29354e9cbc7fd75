// SPDX-License-Identifier: Apache-2.0
// Replays files through a fuzz target without a fuzzer: TARGET FILE…. A target is a file
// NAME_fuzz.c with LLVMFuzzerTestOneInput; `make fuzz` links it with libFuzzer instead of this.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
    static uint8_t bytes[1 << 20];
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return 1;
    }
    size_t n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    uint8_t *exact = malloc(n ? n : 1); // its own block, so that a read behind its end is seen
    for (size_t i = 0; i < n; i++)
        exact[i] = bytes[i];
    LLVMFuzzerTestOneInput(exact, n);
    free(exact);
    return 0;
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++)
        failed |= replay(argv[i]);
    return failed;
}
