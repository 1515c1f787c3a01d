// Streams of gzip: whole, in pieces, growing, and with every kind of damage.
#include <errno.h>
#include <string.h>

#include <zlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "source/gzip.h"
#include "support/gzip_bytes.h"
#include "support/simfs.h"
#include "support/test_main.h"

enum { HEADER_BYTES = 10, TRAILER_BYTES = 8 };

struct world {
    struct simfs *fs;
    struct io *io;
    struct gzip *gzip;
    int fd;
    struct buf archive;
    struct buf content; // that was inflated
};

static struct world make_world(void)
{
    struct world world = {.fs = simfs_create(), .fd = -1};
    world.io = simfs_io(world.fs);
    simfs_mkdir(world.fs, "/d");
    buf_init(&world.archive, SIZE_MAX);
    buf_init(&world.content, SIZE_MAX);
    return world;
}

static void free_world(struct world *world)
{
    gzip_free(world->gzip);
    if (world->fd >= 0) {
        world->io->close(world->io, world->fd);
    }
    buf_deinit(&world->archive);
    buf_deinit(&world->content);
    simfs_free(world->fs);
}

static void add_text(struct world *world, const char *text)
{
    gzip_bytes(&world->archive, slice_of_text(text));
}

static void write_part(struct world *world, size_t from, size_t to)
{
    simfs_append(world->fs, "/d/a.gz", world->archive.data + from, to - from);
    if (world->fd < 0) {
        world->fd = world->io->open(world->io, "/d/a.gz", 0, 0);
        ck_assert_int_ge(world->fd, 0);
        world->gzip = gzip_create(world->io, world->fd);
    }
}

static void write_all(struct world *world)
{
    write_part(world, 0, world->archive.size);
}

// Reads in steps of `step` until nothing comes. Returns what came instead.
static int64_t read_all(struct world *world, size_t step)
{
    uint8_t room[4096];
    int64_t count;
    do {
        count = gzip_read(world->gzip, room, step);
        if (count > 0) {
            buf_append(&world->content, room, (size_t)count);
        }
    } while (count > 0 || count == E_AGAIN);
    ck_assert_uint_eq(gzip_position(world->gzip), world->content.size);
    return count;
}

static void check_content(const struct world *world, const char *text)
{
    ck_assert_uint_eq(world->content.size, strlen(text));
    ck_assert_mem_eq(world->content.data, text, world->content.size);
}

// Lines that compress badly enough to be of some size.
static void add_lines(struct buf *out, unsigned count)
{
    uint32_t state = 1;
    for (unsigned i = 0; i < count; i++) {
        state = state * 1664525 + 1013904223;
        buf_appendf(out, "%u %x\n", i, state);
    }
}

START_TEST(members_are_one_content)
{
    struct world world = make_world();
    add_text(&world, "one\n");
    add_text(&world, "");
    add_text(&world, "two\n");
    write_all(&world);
    ck_assert_int_eq(read_all(&world, 3), 0);
    ck_assert(gzip_complete(world.gzip));
    check_content(&world, "one\ntwo\n");
    ck_assert_uint_eq(gzip_file_position(world.gzip), world.archive.size);
    free_world(&world);
}
END_TEST

START_TEST(an_empty_file_is_not_complete_and_an_empty_member_is)
{
    struct world world = make_world();
    add_text(&world, "");
    write_part(&world, 0, 0);
    ck_assert_int_eq(read_all(&world, 100), 0);
    ck_assert(!gzip_complete(world.gzip));
    write_all(&world);
    ck_assert_int_eq(read_all(&world, 100), 0);
    ck_assert(gzip_complete(world.gzip));
    ck_assert_uint_eq(world.content.size, 0);
    free_world(&world);
}
END_TEST

START_TEST(zeros_behind_and_between_members_are_padding)
{
    static const uint8_t zeros[700] = {0};
    struct world world = make_world();
    add_text(&world, "one\n");
    buf_append(&world.archive, zeros, sizeof zeros);
    add_text(&world, "two\n");
    buf_append(&world.archive, zeros, 3);
    write_all(&world);
    ck_assert_int_eq(read_all(&world, 100), 0);
    ck_assert(gzip_complete(world.gzip));
    check_content(&world, "one\ntwo\n");
    free_world(&world);
}
END_TEST

START_TEST(every_cut_is_incomplete_until_the_rest_comes)
{
    struct world whole = make_world();
    buf_appendf(&whole.content, "some text, %s text\n", "some more");
    gzip_bytes(&whole.archive, buf_slice(&whole.content));
    for (size_t cut = 1; cut < whole.archive.size; cut++) {
        struct world world = make_world();
        buf_append_slice(&world.archive, buf_slice(&whole.archive));
        write_part(&world, 0, cut);
        ck_assert_int_eq(read_all(&world, 100), 0);
        ck_assert(!gzip_complete(world.gzip));
        write_part(&world, cut, world.archive.size);
        ck_assert_int_eq(read_all(&world, 100), 0);
        ck_assert(gzip_complete(world.gzip));
        ck_assert_uint_eq(world.content.size, whole.content.size);
        free_world(&world);
    }
    free_world(&whole);
}
END_TEST

START_TEST(a_growing_file_is_followed_byte_by_byte)
{
    struct world world = make_world();
    struct buf lines;
    buf_init(&lines, SIZE_MAX);
    add_lines(&lines, 300);
    gzip_bytes(&world.archive, buf_slice(&lines));
    gzip_bytes(&world.archive, buf_slice(&lines));
    for (size_t i = 0; i < world.archive.size; i++) {
        write_part(&world, i, i + 1);
        ck_assert_int_eq(read_all(&world, 1000), 0);
        ck_assert_int_eq(gzip_check(world.gzip), 0);
    }
    ck_assert(gzip_complete(world.gzip));
    ck_assert_uint_eq(world.content.size, 2 * lines.size);
    ck_assert_mem_eq(world.content.data, lines.data, lines.size);
    buf_deinit(&lines);
    free_world(&world);
}
END_TEST

START_TEST(a_long_match_at_a_cut_is_given_out_whole)
{
    struct world world = make_world();
    struct buf same;
    buf_init(&same, SIZE_MAX);
    for (int i = 0; i < 5000; i++) {
        buf_append_text(&same, "a");
    }
    gzip_bytes(&world.archive, buf_slice(&same));
    write_part(&world, 0, world.archive.size - TRAILER_BYTES);
    ck_assert_int_eq(read_all(&world, 7), 0);
    ck_assert_uint_eq(world.content.size, same.size);
    buf_deinit(&same);
    free_world(&world);
}
END_TEST

START_TEST(a_wrong_checksum_comes_after_the_content)
{
    struct world world = make_world();
    add_text(&world, "one\n");
    world.archive.data[world.archive.size - TRAILER_BYTES] ^= 1;
    add_text(&world, "two\n");
    write_all(&world);
    ck_assert_int_eq(read_all(&world, 100), E_CORRUPT);
    check_content(&world, "one\n");
    uint8_t room[10];
    ck_assert_int_eq(gzip_read(world.gzip, room, sizeof room), E_CORRUPT);
    ck_assert(!gzip_complete(world.gzip));
    free_world(&world);
}
END_TEST

START_TEST(a_wrong_length_comes_after_the_content)
{
    struct world world = make_world();
    add_text(&world, "one\n");
    world.archive.data[world.archive.size - 1] ^= 1;
    write_all(&world);
    ck_assert_int_eq(read_all(&world, 100), E_CORRUPT);
    check_content(&world, "one\n");
    free_world(&world);
}
END_TEST

START_TEST(damage_inside_keeps_what_is_before_it)
{
    struct world world = make_world();
    struct buf lines;
    buf_init(&lines, SIZE_MAX);
    add_lines(&lines, 20000);
    gzip_bytes(&world.archive, buf_slice(&lines));
    memset(world.archive.data + world.archive.size / 2, 0xff, 100);
    write_all(&world);
    ck_assert_int_eq(read_all(&world, sizeof(uint8_t[4096])), E_CORRUPT);
    ck_assert_uint_gt(world.content.size, lines.size / 4);
    ck_assert_mem_eq(world.content.data, lines.data, lines.size / 4);
    buf_deinit(&lines);
    free_world(&world);
}
END_TEST

// An archive of `lines` whose second half begins with a block of no type (RFC 1951).
static struct world make_damaged(struct buf *lines)
{
    enum { GZIP_ONLY = 16, MEMORY = 8, NO_TYPE = 6 };
    struct world world = make_world();
    buf_init(lines, SIZE_MAX);
    add_lines(lines, 20000);
    z_stream z = {.next_in = lines->data, .avail_in = (unsigned)lines->size / 2};
    ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, MAX_WBITS + GZIP_ONLY, MEMORY, 0), Z_OK);
    z.avail_out = (unsigned)lines->size;
    buf_reserve(&world.archive, lines->size);
    z.next_out = world.archive.data;
    ck_assert_int_eq(deflate(&z, Z_FULL_FLUSH), Z_OK);
    size_t half = z.total_out;
    z.avail_in += (unsigned)(lines->size - lines->size / 2);
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    world.archive.size = z.total_out;
    world.archive.data[half] |= NO_TYPE;
    deflateEnd(&z);
    return world;
}

START_TEST(the_trailer_tells_what_damage_costs)
{
    struct buf lines;
    struct world world = make_damaged(&lines);
    write_all(&world);
    ck_assert_uint_eq(gzip_missing_min(world.gzip, world.archive.size), 0);
    ck_assert_int_eq(read_all(&world, 1000), E_CORRUPT);
    ck_assert_uint_eq(world.content.size, lines.size / 2);
    ck_assert_uint_eq(gzip_missing_min(world.gzip, world.archive.size),
                      lines.size - lines.size / 2);
    buf_deinit(&lines);
    free_world(&world);
}
END_TEST

START_TEST(the_trailer_tells_of_the_damaged_member_only)
{
    struct buf lines;
    struct world second = make_damaged(&lines);
    struct world world = make_world();
    gzip_bytes(&world.archive, buf_slice(&lines));
    buf_append_slice(&world.archive, buf_slice(&second.archive));
    write_all(&world);
    ck_assert_int_eq(read_all(&world, 1000), E_CORRUPT);
    ck_assert_uint_eq(gzip_missing_min(world.gzip, world.archive.size),
                      2 * lines.size - world.content.size);
    buf_deinit(&lines);
    free_world(&world);
    free_world(&second);
}
END_TEST

START_TEST(a_trailer_that_does_not_fit_is_not_believed)
{
    for (size_t i = 0; i < 2; i++) {
        struct buf lines;
        struct world world = make_damaged(&lines);
        uint8_t *length = world.archive.data + world.archive.size - 4;
        length[3] = i == 0 ? 0x7f : length[3]; // much more than there can be
        length[2] = i == 1 ? 0 : length[2];    // less than was read
        write_all(&world);
        ck_assert_int_eq(read_all(&world, 1000), E_CORRUPT);
        ck_assert_uint_eq(gzip_missing_min(world.gzip, world.archive.size), 0);
        buf_deinit(&lines);
        free_world(&world);
    }
}
END_TEST

START_TEST(damage_to_the_checksum_alone_costs_nothing)
{
    struct world world = make_world();
    struct buf lines;
    buf_init(&lines, SIZE_MAX);
    add_lines(&lines, 2000);
    gzip_bytes(&world.archive, buf_slice(&lines));
    world.archive.data[world.archive.size - TRAILER_BYTES] ^= 1;
    write_all(&world);
    ck_assert_int_eq(read_all(&world, 1000), E_CORRUPT);
    ck_assert_uint_eq(world.content.size, lines.size);
    ck_assert_uint_eq(gzip_missing_min(world.gzip, world.archive.size), 0);
    buf_deinit(&lines);
    free_world(&world);
}
END_TEST

START_TEST(what_is_not_gzip_is_refused)
{
    static const char *const texts[] = {"plain text\n", "\x1f\x8b\x07 another method",
                                        "\x1f\x8b\x08\xff reserved flags"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct world world = make_world();
        buf_append_text(&world.archive, texts[i]);
        write_all(&world);
        ck_assert_int_eq(read_all(&world, 100), E_CORRUPT);
        ck_assert_uint_eq(world.content.size, 0);
        free_world(&world);
    }
}
END_TEST

START_TEST(garbage_behind_a_member_is_damage)
{
    struct world world = make_world();
    add_text(&world, "one\n");
    buf_append_text(&world.archive, "garbage");
    write_all(&world);
    ck_assert_int_eq(read_all(&world, 100), E_CORRUPT);
    check_content(&world, "one\n");
    free_world(&world);
}
END_TEST

START_TEST(much_input_without_output_is_taken_in_pieces)
{
    struct world world = make_world();
    struct buf empty;
    buf_init(&empty, SIZE_MAX);
    gzip_bytes(&empty, slice_of_text(""));
    while (world.archive.size < 3 << 20) {
        buf_append_slice(&world.archive, buf_slice(&empty));
    }
    buf_deinit(&empty);
    add_text(&world, "end\n");
    write_all(&world);
    uint8_t room[10];
    ck_assert_int_eq(gzip_read(world.gzip, room, sizeof room), E_AGAIN);
    ck_assert_int_eq(read_all(&world, 10), 0);
    check_content(&world, "end\n");
    free_world(&world);
}
END_TEST

START_TEST(a_bomb_comes_in_pieces)
{
    struct world world = make_world();
    struct buf zeros;
    buf_init(&zeros, SIZE_MAX);
    static const uint8_t block[65536] = {0};
    for (int i = 0; i < 256; i++) {
        buf_append(&zeros, block, sizeof block);
    }
    gzip_bytes(&world.archive, buf_slice(&zeros));
    ck_assert_uint_lt(world.archive.size, zeros.size / 1000);
    write_all(&world);
    static uint8_t room[65536];
    for (int i = 0; i < 256; i++) {
        ck_assert_int_eq(gzip_read(world.gzip, room, sizeof room), sizeof room);
    }
    ck_assert_int_eq(gzip_read(world.gzip, room, sizeof room), 0);
    ck_assert(gzip_complete(world.gzip));
    buf_deinit(&zeros);
    free_world(&world);
}
END_TEST

START_TEST(check_tells_a_file_that_was_written_anew)
{
    struct world world = make_world();
    add_text(&world, "one\n");
    write_all(&world);
    ck_assert_int_eq(gzip_check(world.gzip), 0);
    ck_assert_int_eq(read_all(&world, 100), 0);
    ck_assert_int_eq(gzip_check(world.gzip), 0);
    simfs_truncate(world.fs, "/d/a.gz", 0);
    ck_assert_int_eq(gzip_check(world.gzip), -ESTALE);
    simfs_append(world.fs, "/d/a.gz", "something else that is longer", 29);
    ck_assert_int_eq(gzip_check(world.gzip), -ESTALE);
    free_world(&world);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("gzip");
    TCase *tcase = tcase_create("gzip");
    tcase_add_test(tcase, members_are_one_content);
    tcase_add_test(tcase, an_empty_file_is_not_complete_and_an_empty_member_is);
    tcase_add_test(tcase, zeros_behind_and_between_members_are_padding);
    tcase_add_test(tcase, every_cut_is_incomplete_until_the_rest_comes);
    tcase_add_test(tcase, a_growing_file_is_followed_byte_by_byte);
    tcase_add_test(tcase, a_long_match_at_a_cut_is_given_out_whole);
    tcase_add_test(tcase, a_wrong_checksum_comes_after_the_content);
    tcase_add_test(tcase, a_wrong_length_comes_after_the_content);
    tcase_add_test(tcase, damage_inside_keeps_what_is_before_it);
    tcase_add_test(tcase, the_trailer_tells_what_damage_costs);
    tcase_add_test(tcase, the_trailer_tells_of_the_damaged_member_only);
    tcase_add_test(tcase, a_trailer_that_does_not_fit_is_not_believed);
    tcase_add_test(tcase, damage_to_the_checksum_alone_costs_nothing);
    tcase_add_test(tcase, what_is_not_gzip_is_refused);
    tcase_add_test(tcase, garbage_behind_a_member_is_damage);
    tcase_add_test(tcase, much_input_without_output_is_taken_in_pieces);
    tcase_add_test(tcase, a_bomb_comes_in_pieces);
    tcase_add_test(tcase, check_tells_a_file_that_was_written_anew);
    suite_add_tcase(suite, tcase);
    return suite;
}
