# One libFuzzer program per tests/fuzz/*.cpp, with the core and the reader of HTTP compiled for it: objects
# that the unit tests are linked with, too.
FUZZ := $(BUILD)/fuzz
FUZZ_CXX ?= clang++
# In a third of the time of GNU ld.
FUZZ_LINKER := $(if $(shell command -v ld.lld),-fuse-ld=lld)
# STRICT may name warnings that only gcc knows.
FUZZ_FLAGS := $(STRICT) -Wno-unknown-warning-option -O1 -g1 -fno-omit-frame-pointer \
	-fno-sanitize-recover=all -Iextension -Ifrontend
FUZZ_SRC := frontend/http/message.cpp frontend/http/address.cpp frontend/base/terminal.cpp
FUZZ_TARGETS := $(patsubst tests/fuzz/%.cpp,$(FUZZ)/bin/%,$(wildcard $(patsubst %,tests/fuzz/%.cpp,$(or $(TESTS),*))))

fuzz-targets: $(FUZZ_TARGETS)

$(FUZZ)/obj/%.o: %.cpp Makefile tests/harness/fuzz.mk
	@mkdir -p $(@D)
	$(FUZZ_CXX) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link,address,undefined -MMD -MP -c $< -o $@

$(FUZZ)/obj/%.folder.o: $(BUILD)/folders/%.cpp Makefile tests/harness/fuzz.mk
	@mkdir -p $(@D)
	$(FUZZ_CXX) $(FUZZ_FLAGS) $(FOLDER_FLAGS) -fsanitize=fuzzer-no-link,address,undefined -MMD -MP -c $< -o $@

$(FUZZ)/libcore.a: $(CORE_FOLDERS:%=$(FUZZ)/obj/%.folder.o) $(FUZZ_SRC:%.cpp=$(FUZZ)/obj/%.o)
	@rm -f $@
	ar rcs $@ $^

$(FUZZ)/bin/%: $(FUZZ)/obj/tests/fuzz/%.o $(FUZZ)/libcore.a
	@mkdir -p $(@D)
	$(FUZZ_CXX) $(FUZZ_LINKER) -fsanitize=fuzzer,address,undefined $^ -lcrypto -largon2 -lcrypt -o $@

.PHONY: fuzz-targets
.SECONDARY: $(FUZZ_TARGETS:$(FUZZ)/bin/%=$(FUZZ)/obj/tests/fuzz/%.o)
-include $(wildcard $(FUZZ)/obj/tests/fuzz/*.d $(FUZZ)/obj/extension/core/*.d $(FUZZ)/obj/frontend/*/*.d)
