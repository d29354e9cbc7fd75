# tailrace: see README.md. `make help` lists the targets.
#
# One makefile, explicit sources. Programs land in $(BUILD)/bin; a variant (sanitizer, other client library) is the same
# build in a folder of its own: build/asan/bin, build/mysql/bin, …

VERSION := 0.1.0
PREFIX ?= /usr/local
BUILD ?= build
CC ?= gcc
CFLAGS ?= -O3 -g
PKG_CONFIG ?= pkg-config

# Which MySQL client library: mariadb (libmariadb) or mysql (libmysqlclient). Both are built and run by `make test`.
CLIENT ?= $(if $(shell $(PKG_CONFIG) --exists libmariadb && echo yes),mariadb,mysql)

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	-Wswitch-enum -Wimplicit-fallthrough
ALL_CFLAGS = -std=c11 $(WARNINGS) $(WERROR) -I. -DTAILRACE_VERSION='"$(VERSION)"' -pthread $(SANITIZE) \
	$(CLIENT_ALL_CFLAGS) $(CFLAGS)
ALL_LDFLAGS = -pthread $(SANITIZE) $(CLIENT_ALL_LDFLAGS) $(LDFLAGS)

# --- sources, in the order of their dependencies ---------------------------------------------------------------------

COMMON := common/arena.c common/backoff.c common/buf.c common/check.c common/cli.c common/clock.c common/config.c common/crash.c common/err.c \
	common/hosts.c common/key_template.c common/log.c common/mem.c common/options.c common/stop.c common/utf8.c
RECORD := record/base64.c record/crc32c.c record/gtid.c record/gtid_codec.c record/holding.c record/json_decode.c record/json_reader.c record/json_scan.c \
	record/json_tape.c record/json_writer.c record/murmur2.c record/number_text.c record/pending.c record/position.c record/table.c record/table_filter.c \
	record/temporal_text.c record/topic.c
KAFKA := kafka/client.c kafka/group.c kafka/partition.c kafka/topic.c kafka/wake.c
DECODE := binlog/charset.c binlog/charset_table.c binlog/column.c binlog/decimal.c binlog/event.c binlog/json_diff.c \
	binlog/jsonb.c \
	binlog/hold.c binlog/reader_events.c binlog/reader_hold.c binlog/spill.c binlog/xa.c \
	binlog/payload.c binlog/query.c binlog/reader.c binlog/row.c binlog/source_file.c binlog/table_map.c \
	binlog/temporal.c binlog/temporary_file.c binlog/transaction.c binlog/window.c
LIVE := binlog/names.c binlog/position_find.c binlog/retention.c binlog/ring.c binlog/schema.c binlog/server.c binlog/source_live.c binlog/wire_common.c \
	binlog/wire_$(CLIENT).c
PUBLISHER := publisher/checkpoint.c publisher/encoder.c publisher/notices.c publisher/offsets.c publisher/pick.c publisher/producer.c \
	publisher/hanging.c publisher/publisher.c publisher/rival.c publisher/session.c publisher/session_check.c publisher/session_ddl.c publisher/session_open.c publisher/session_retention.c publisher/session_take.c publisher/standby.c publisher/topics.c
SNAPSHOT := binlog/cell.c publisher/control.c publisher/grants.c publisher/snapshot.c publisher/snapshot_command.c publisher/snapshot_key.c \
	publisher/snapshot_list.c publisher/snapshot_log.c publisher/snapshot_reader.c publisher/snapshot_source.c publisher/snapshot_state.c \
	publisher/snapshot_status.c publisher/tree.c
PUBLISHER += $(SNAPSHOT)
APPLIER := appliers/core/applier.c appliers/core/batch.c appliers/core/beside.c appliers/core/check.c appliers/core/consumer.c appliers/core/consumer_conf.c \
	appliers/core/dead_letter.c appliers/core/dead_letter_book.c appliers/core/dead_letter_log.c \
	appliers/core/dead_letter_replay.c appliers/core/dead_letters.c appliers/core/guard.c appliers/core/history.c appliers/core/main.c \
	appliers/core/message.c appliers/core/offsets.c appliers/core/offsets_reset.c appliers/core/progress.c \
	appliers/core/rebuild.c appliers/core/topic_end.c appliers/core/truncation.c appliers/core/worker.c
MONGODB := appliers/mongodb/beside.c appliers/mongodb/buried.c appliers/mongodb/checkpoint.c appliers/mongodb/fault.c appliers/mongodb/fresh.c appliers/mongodb/leftover.c appliers/mongodb/mapping.c \
	appliers/mongodb/shown.c appliers/mongodb/sink.c appliers/mongodb/transaction.c appliers/mongodb/truncate.c
REDIS := appliers/redis/advice.c appliers/redis/beside.c appliers/redis/checkpoint.c appliers/redis/mapping.c appliers/redis/rules.c appliers/redis/scan.c \
	appliers/redis/shown.c appliers/redis/sink.c appliers/redis/truncate.c appliers/redis/write.c
VERIFY := verify/bson.c verify/bson_json.c verify/bson_read.c verify/bson_write.c verify/buckets.c verify/cached.c verify/compare.c verify/contents.c verify/counts.c \
	verify/digits.c verify/fence.c verify/hash.c verify/json.c verify/messages.c verify/mysql.c verify/open.c \
	verify/progress.c verify/recheck.c verify/redis_key.c verify/repair.c verify/report.c verify/resume.c verify/run.c verify/shape.c verify/source.c verify/suspect.c \
	verify/target_mongodb.c verify/target_redis.c verify/text.c verify/throttle.c verify/total.c verify/watch.c

PROGRAMS := tailrace tailrace-cat tailrace-check tailrace-dead-letters tailrace-offsets tailrace-snapshot tailrace-publish tailrace-apply-mongodb tailrace-apply-redis
PROGRAMS += tailrace-verify

SRC_tailrace := cli/tailrace.c $(COMMON)
SRC_tailrace-cat := cli/cat.c $(DECODE) $(RECORD) $(COMMON)
SRC_tailrace-check := cli/check.c cli/call.c $(COMMON)
SRC_tailrace-dead-letters := cli/dead_letters.c cli/call.c $(COMMON)
SRC_tailrace-offsets := cli/offsets.c cli/call.c $(COMMON)
SRC_tailrace-snapshot := cli/snapshot.c $(COMMON)
SRC_tailrace-publish := publisher/main.c $(PUBLISHER) $(LIVE) $(DECODE) $(KAFKA) $(RECORD) $(COMMON)
SRC_tailrace-apply-mongodb := appliers/mongodb/main.c $(MONGODB) $(APPLIER) $(KAFKA) $(RECORD) $(COMMON)
SRC_tailrace-apply-redis := appliers/redis/main.c $(REDIS) $(APPLIER) $(KAFKA) $(RECORD) $(COMMON)
SRC_tailrace-verify := verify/main.c $(VERIFY) $(KAFKA) $(RECORD) $(COMMON)

DECODE_LIBS := -ldeflate -lzstd -lz
RECORD_LIBS := -lyajl -lm
LIBS_tailrace :=
LIBS_tailrace-cat := $(DECODE_LIBS) $(RECORD_LIBS)
LIBS_tailrace-check :=
LIBS_tailrace-dead-letters :=
LIBS_tailrace-offsets :=
LIBS_tailrace-snapshot :=
LIBS_tailrace-publish = $(CLIENT_LIBS) -lrdkafka $(DECODE_LIBS) $(RECORD_LIBS)
LIBS_tailrace-apply-mongodb = $(MONGOC_LIBS) -lrdkafka $(RECORD_LIBS)
LIBS_tailrace-apply-redis := -lhiredis -lrdkafka $(RECORD_LIBS)
LIBS_tailrace-verify = $(CLIENT_LIBS) $(MONGOC_LIBS) -lhiredis -lrdkafka $(RECORD_LIBS)

# --- libraries that are asked where they are, only when something is built ----------------------------------------------

MONGOC_CFLAGS = $(patsubst -I%,-isystem %,$(shell $(PKG_CONFIG) --cflags libmongoc-1.0))
MONGOC_LIBS = $(shell $(PKG_CONFIG) --libs libmongoc-1.0)
ifeq ($(CLIENT),mariadb)
CLIENT_CFLAGS = $(shell $(PKG_CONFIG) --cflags libmariadb)
CLIENT_LIBS = $(shell $(PKG_CONFIG) --libs libmariadb)
else ifneq ($(ORACLE_ROOT),)
# Oracle's library out of an unpacked tree with its own libc: the whole program is built against that tree.
include $(BUILD)/oracle.mk
CLIENT_ALL_CFLAGS = $(MYSQLCLIENT_CFLAGS)
CLIENT_ALL_LDFLAGS = $(MYSQLCLIENT_LDFLAGS)
CLIENT_CFLAGS = -DWIRE_PLUGIN_DIR='"$(MYSQLCLIENT_PLUGIN_DIR)"'
CLIENT_LIBS = -lmysqlclient
else
CLIENT_CFLAGS = $(shell $(PKG_CONFIG) --cflags mysqlclient)
CLIENT_LIBS = $(shell $(PKG_CONFIG) --libs mysqlclient)
endif

# --- build --------------------------------------------------------------------------------------------------------------

.DEFAULT_GOAL := all
.PHONY: all
all: $(PROGRAMS:%=$(BUILD)/bin/%)

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(CFLAGS_$(subst /,_,$(*D))) -MMD -MP -c $< -o $@

CFLAGS_appliers_mongodb = $(MONGOC_CFLAGS)
CFLAGS_verify = $(MONGOC_CFLAGS) $(CLIENT_CFLAGS)
$(BUILD)/obj/binlog/wire_%.o: CFLAGS_binlog = $(CLIENT_CFLAGS)

define program
$(BUILD)/bin/$(1): $(call objects,$(SRC_$(1)) $(EXTRA))
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(LIBS_$(1))
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

# --- unit tests: no servers -----------------------------------------------------------------------------------------------

UNIT_TESTS := common/arena common/backoff common/buf common/clock common/config common/cursor common/err common/hosts common/key_template common/log common/stop \
	common/utf8 \
	record/base64 record/crc32c record/gtid record/holding record/json_reader record/json_tape record/json_writer record/murmur2 record/position \
	record/table record/table_filter record/temporal_text record/topic \
	binlog/charset binlog/column binlog/decimal binlog/event binlog/json_diff binlog/jsonb binlog/query binlog/payload binlog/reader binlog/ring \
	binlog/hold binlog/spill binlog/window binlog/xa \
	binlog/row binlog/source_file binlog/table_map binlog/temporal \
	publisher/encoder publisher/producer publisher/checkpoint publisher/grants publisher/snapshot_log publisher/retention publisher/server \
	appliers/core/batch appliers/core/dead_letter_book appliers/core/guard appliers/core/truncation appliers/mongodb/fault appliers/mongodb/fresh appliers/mongodb/mapping \
	appliers/redis/mapping appliers/redis/write kafka/wake
UNIT_TESTS += verify/bson verify/hash verify/text verify/total

UNIT_SRC_common := $(COMMON)
UNIT_SRC_record := $(RECORD) $(COMMON)
UNIT_SRC_binlog := $(DECODE) binlog/ring.c $(RECORD) $(COMMON)
UNIT_SRC_publisher := $(PUBLISHER) $(LIVE) $(DECODE) $(KAFKA) $(RECORD) $(COMMON)
UNIT_SRC_kafka := $(KAFKA) $(RECORD) $(COMMON)
UNIT_SRC_appliers/core := appliers/core/batch.c appliers/core/dead_letter.c appliers/core/dead_letter_book.c appliers/core/guard.c appliers/core/message.c appliers/core/truncation.c $(RECORD) $(COMMON)
UNIT_SRC_appliers/mongodb := $(MONGODB) appliers/core/batch.c appliers/core/beside.c appliers/core/guard.c appliers/core/truncation.c $(RECORD) $(COMMON)
UNIT_SRC_appliers/redis := $(REDIS) appliers/core/batch.c appliers/core/beside.c appliers/core/guard.c appliers/core/truncation.c $(RECORD) $(COMMON)
UNIT_SRC_verify := $(VERIFY) $(KAFKA) $(RECORD) $(COMMON)
UNIT_LIBS_verify = $(LIBS_tailrace-verify)
UNIT_LIBS_record := $(RECORD_LIBS)
UNIT_LIBS_binlog := $(DECODE_LIBS) $(RECORD_LIBS)
UNIT_LIBS_publisher = $(LIBS_tailrace-publish)
UNIT_LIBS_kafka := -lrdkafka $(RECORD_LIBS)
UNIT_LIBS_appliers/core := -lrdkafka $(RECORD_LIBS)
UNIT_LIBS_appliers/mongodb = $(MONGOC_LIBS) $(RECORD_LIBS)
UNIT_LIBS_appliers/redis := -lhiredis $(RECORD_LIBS)
CFLAGS_tests_unit_appliers_mongodb = $(MONGOC_CFLAGS)
CFLAGS_tests_unit_verify = $(CFLAGS_verify)

define unit_test
$(BUILD)/unit/$(1)_test: $(call objects,tests/unit/$(1)_test.c $(UNIT_SRC_$(patsubst %/,%,$(dir $(1)))))
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ -lcmocka $$(UNIT_LIBS_$(patsubst %/,%,$(dir $(1))))
endef
$(foreach t,$(UNIT_TESTS),$(eval $(call unit_test,$(t))))

.PHONY: unit-programs
unit-programs: $(UNIT_TESTS:%=$(BUILD)/unit/%_test)

# --- fuzz targets: replayed by `make check`, run for long by `make fuzz` ---------------------------------------------------

FUZZ_TARGETS := binlog column event gtid json_diff jsonb payload record row table_map
FUZZ_SRC := $(DECODE) $(RECORD) $(COMMON)

$(BUILD)/fuzz/%_replay: $(BUILD)/obj/tests/fuzz/main.o $(BUILD)/obj/tests/fuzz/%_fuzz.o $(call objects,$(FUZZ_SRC))
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(DECODE_LIBS) $(RECORD_LIBS)

$(BUILD)/fuzz/%_fuzz: $(BUILD)/obj/tests/fuzz/%_fuzz.o $(call objects,$(FUZZ_SRC))
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(DECODE_LIBS) $(RECORD_LIBS)

.PHONY: fuzz-replays fuzz-programs
fuzz-replays: $(FUZZ_TARGETS:%=$(BUILD)/fuzz/%_replay)
fuzz-programs: $(FUZZ_TARGETS:%=$(BUILD)/fuzz/%_fuzz)

# --- the bench: programs that measure what the client libraries can do by themselves ---------------------------------------

BENCH_PROGRAMS := measure read_limit live produce_limit mongodb_limit redis_limit paced_load snapshot_limit
BENCH_PROGRAMS += verify_limit

BENCH_SRC_measure := $(COMMON)
BENCH_SRC_read_limit := tests/bench/limit.c $(COMMON)
BENCH_SRC_live := tests/bench/limit.c $(LIVE) $(DECODE) $(RECORD) $(COMMON)
BENCH_SRC_produce_limit := tests/bench/limit.c tests/bench/records.c $(COMMON)
BENCH_SRC_mongodb_limit := $(BENCH_SRC_produce_limit)
BENCH_SRC_redis_limit := $(BENCH_SRC_produce_limit)
BENCH_SRC_paced_load := tests/bench/limit.c $(LIVE) $(DECODE) $(RECORD) $(COMMON)
BENCH_SRC_verify_limit := tests/bench/limit.c $(COMMON)
BENCH_LIBS_verify_limit = $(CLIENT_LIBS) $(MONGOC_LIBS) -lhiredis
BENCH_SRC_snapshot_limit := $(BENCH_SRC_live)
BENCH_LIBS_snapshot_limit = $(BENCH_LIBS_live) -lrdkafka
BENCH_LIBS_read_limit := -lz
BENCH_LIBS_live = $(CLIENT_LIBS) $(DECODE_LIBS) $(RECORD_LIBS)
BENCH_LIBS_produce_limit := -lrdkafka
BENCH_LIBS_mongodb_limit = $(MONGOC_LIBS)
BENCH_LIBS_redis_limit := -lhiredis
BENCH_LIBS_paced_load = $(BENCH_LIBS_live)
CFLAGS_tests_bench = $(MONGOC_CFLAGS) $(CLIENT_CFLAGS)

define bench_program
$(BUILD)/bench/bin/$(1): $(call objects,tests/bench/$(1).c $(BENCH_SRC_$(1)))
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(BENCH_LIBS_$(1))
endef
$(foreach p,$(BENCH_PROGRAMS),$(eval $(call bench_program,$(p))))

$(BUILD)/bench/bin/allocations.so: tests/bench/allocations.c
	@mkdir -p $(@D)
	$(CC) -std=c11 $(WARNINGS) $(WERROR) $(CFLAGS) -fPIC -shared -o $@ $<

.PHONY: bench-programs
bench-programs: $(BENCH_PROGRAMS:%=$(BUILD)/bench/bin/%) $(BUILD)/bench/bin/allocations.so

# --- files cut and with bits flipped, in memory; built with the sanitizers -----------------------------------------------

$(BUILD)/hostile: $(call objects,tests/hostile/hostile.c $(FUZZ_SRC))
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(DECODE_LIBS) $(RECORD_LIBS)

STORM_OPTIONS = $(SECONDS:%=--seconds %) $(SEED:%=--seed %) $(SOURCE:%=--source %) $(DELIVERY:%=--delivery %)

# --- targets for people ---------------------------------------------------------------------------------------------------

.PHONY: help deps check test demo bench bench-decode stack-up stack-down asan ubsan tsan crash crash-points \
	crash-full crash-large crash-sanitized fuzz hostile oracle format sample install clean

help: ## lists the targets
	@sed -n 's/^\([a-z][a-z-]*\):.*## /  \1\t/p' Makefile | expand -t 16

deps: ## installs what the build and the tests need
	@tests/deps.sh test

check: ## all tests that need no servers, in under a minute
	@tests/deps.sh test
	@$(MAKE) -s -j2 WERROR=-Werror all unit-programs fuzz-replays
	@$(MAKE) -s -j2 BUILD=build/clang CC=clang CFLAGS=-O0 WERROR=-Werror all unit-programs
	@tests/check.sh $(BUILD)

test: ## all tests: check, then everything on real servers
	@tests/deps.sh bench
	@tests/test.sh

demo: ## MySQL → Kafka → MongoDB and Redis on this machine
	@tests/deps.sh test
	@$(MAKE) -s -j2 all
	@tests/demo/demo.sh

bench: ## measures every stage and prints tables (docs/performance.md)
	@tests/deps.sh bench
	@$(MAKE) -s -j2 all bench-programs
	@$(MAKE) -s oracle
	@tests/bench/bench.sh all

bench-decode: ## the stages of it that decode: a file, and live through both client libraries
	@tests/deps.sh bench
	@$(MAKE) -s -j2 all bench-programs
	@$(MAKE) -s oracle
	@tests/bench/bench.sh decode

.PHONY: bench-latency
bench-latency: ## how long a change is on its way, in servers that do nothing else
	@tests/deps.sh bench
	@$(MAKE) -s -j2 all bench-programs
	@tests/bench/bench.sh latency

.PHONY: bench-snapshot
bench-snapshot: ## how fast a table is copied into Kafka, beside a bare SELECT into the same producer
	@tests/deps.sh bench
	@$(MAKE) -s -j2 all bench-programs
	@tests/stack/stack run mysql kafka /usr/bin/python3 -m tests.bench.snapshot

.PHONY: bench-verify
bench-verify: ## how fast the copies are compared, beside the bare reading of both sides
	@tests/deps.sh bench
	@$(MAKE) -s -j2 all bench-programs
	@tests/bench/bench.sh verify

stack-up: ## starts the servers of the tests and leaves them running
	@tests/deps.sh test
	@tests/stack/stack install
	@tests/stack/stack start

stack-down: ## stops them and removes their data
	@tests/stack/stack stop
	@tests/stack/stack clean

asan: ## programs and unit tests with the address sanitizer, in build/asan
	@$(MAKE) -s -j2 BUILD=build/asan SANITIZE='-fsanitize=address -fno-omit-frame-pointer' CFLAGS='-O1 -g' all unit-programs

ubsan: ## the same with the undefined-behaviour sanitizer, in build/ubsan
	@$(MAKE) -s -j2 BUILD=build/ubsan SANITIZE='-fsanitize=undefined -fno-sanitize-recover=all' CFLAGS='-O1 -g' all unit-programs

tsan: ## the same with the thread sanitizer, in build/tsan (how to run it: tests/tsan_threads.c)
	@$(MAKE) -s -j2 BUILD=build/tsan SANITIZE=-fsanitize=thread CFLAGS='-O1 -g' EXTRA=tests/tsan_threads.c all unit-programs

crash-points: ## the programs with the crash points of common/crash.h, in build/crash
	@$(MAKE) -s -j2 BUILD=build/crash CFLAGS='-O1 -g -DTAILRACE_CRASH_POINTS' all

crash: ## a storm of SECONDS (600): all is killed, stopped, cut off; SEED=N SOURCE=mariadb DELIVERY=at-least-once
	@tests/deps.sh test
	@$(MAKE) -s -j2 all
	@tests/crash/with_stack.sh /usr/bin/python3 -m tests.crash.storm $(STORM_OPTIONS)

crash-full: ## full disks and full memory, also of Kafka and MongoDB
	@tests/deps.sh test
	@$(MAKE) -s -j2 all
	@TAILRACE_MARKS= tests/crash/run.sh tests/crash/test_full.py

crash-large: ## transactions of 5,000,000 rows and of 2 GB with kills in the middle: an hour, 30 GB of disk
	@tests/deps.sh test
	@$(MAKE) -s -j2 all
	@TAILRACE_MARKS= tests/crash/run.sh tests/crash/test_large.py

crash-sanitized: ## a storm of SECONDS (60) with the address sanitizer, with that for undefined behaviour and with that for threads
	@tests/deps.sh test
	@$(MAKE) -s asan ubsan tsan
	@tests/crash/sanitized.sh asan $(STORM_OPTIONS)
	@tests/crash/sanitized.sh ubsan $(STORM_OPTIONS)
	@tests/crash/sanitized.sh tsan $(STORM_OPTIONS)

fuzz: ## each fuzz target for FUZZ_SECONDS (30) under libFuzzer, in build/fuzz
	@tests/deps.sh test
	@$(MAKE) -s -j2 BUILD=build/fuzz CC=clang SANITIZE='-fsanitize=fuzzer-no-link,address,undefined' CFLAGS='-O1 -g' fuzz-programs
	@tests/fuzz/run.sh $(FUZZ_SECONDS)

hostile: ## binlogs cut at each byte and with HOSTILE_FLIPS (10000) flipped bits, decoded under the sanitizers
	@tests/deps.sh test
	@$(MAKE) -s -j2 BUILD=build/hostile CC=clang SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=all' \
		CFLAGS='-O2 -g -DBLOCK_BYTES=4096' build/hostile/hostile
	@tests/hostile/run.sh build/hostile/hostile

oracle: ## the programs with Oracle's libmysqlclient, in build/mysql
	@tests/stack/stack install mysql
	@mkdir -p build/mysql
	@tests/stack/stack client-flags > build/mysql/oracle.mk
	@$(MAKE) -s -j2 BUILD=build/mysql CLIENT=mysql ORACLE_ROOT=yes build/mysql/bin/tailrace-publish build/mysql/bench/bin/live

format: ## formats the C sources
	@git ls-files '*.c' '*.h' | xargs clang-format -i

sample: $(BUILD)/bin/tailrace ## writes etc/tailrace.conf from the table of options
	@$(BUILD)/bin/tailrace --sample-configuration > etc/tailrace.conf

install: all ## DESTDIR= and PREFIX= as usual
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5 \
		$(DESTDIR)$(PREFIX)/share/tailrace
	install -m 755 $(PROGRAMS:%=$(BUILD)/bin/%) $(DESTDIR)$(PREFIX)/bin
	install -m 644 docs/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 docs/man/*.5 $(DESTDIR)$(PREFIX)/share/man/man5
	install -m 644 etc/tailrace.conf $(DESTDIR)$(PREFIX)/share/tailrace

clean: ## removes build/ (stop the stack first)
	@tests/stack/stack stop 2>/dev/null || true
	rm -rf build

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
